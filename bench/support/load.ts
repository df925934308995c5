import autocannon from 'autocannon'

export interface LoadResult {
  /** Requests that were answered with 200, a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Answers with another status, and requests without an answer. */
  readonly failures: number
}

export interface Load {
  readonly url: string
  readonly seconds: number
  /** Another one for each request. */
  readonly next: () => { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object }
  /** A new connection for each request, as the wallet server makes. */
  readonly newConnections?: boolean
  /** Client certificate and CA, for TLS. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
}

export const CONNECTIONS = 32

/** Loads a server over 32 connections. */
export const load = async ({ url, seconds, next, newConnections, tls }: Load): Promise<LoadResult> => {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    timeout: 30,
    ...(newConnections ? { reconnectRate: 1 } : {}),
    ...(tls === undefined ? {} : { tlsOptions: { ...tls, servername: 'localhost' } }),
    requests: [
      {
        setupRequest: (request) => {
          const { method, path, body } = next()
          return {
            ...request,
            method,
            path,
            headers: { ...request.headers, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }
        },
      },
    ],
  })
  const answered = result['2xx']
  return {
    rate: answered / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failures: result.non2xx + result.errors + result.timeouts,
  }
}
