import autocannon from 'autocannon'
import { ask, type ClientTls, type Request } from './request.ts'

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
  /** Another one for each request. */
  readonly next: () => Request
  /** For a time, or so many requests, however long they take. */
  readonly extent: { readonly seconds: number } | { readonly amount: number }
}

export const CONNECTIONS = 32

/** Loads a server over 32 connections that are kept. */
export const load = async ({ url, next, extent }: Load): Promise<LoadResult> => {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    timeout: 60,
    ...('seconds' in extent ? { duration: extent.seconds } : extent),
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
  return {
    rate: result['2xx'] / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    failures: result.non2xx + result.errors + result.timeouts,
  }
}

/** 32 callers, each of which opens a connection, asks once and closes it, as the wallet server does. */
export const loadWithNewConnections = async (
  { url, next, extent }: Load,
  tls?: ClientTls,
): Promise<LoadResult> => {
  const began = performance.now()
  const until = 'seconds' in extent ? began + extent.seconds * 1_000 : Number.POSITIVE_INFINITY
  const times: number[] = []
  let failures = 0
  let left = 'amount' in extent ? extent.amount : Number.POSITIVE_INFINITY
  const caller = async (): Promise<void> => {
    while (performance.now() < until && left-- > 0) {
      const asked = performance.now()
      const answer = await ask(url, next(), tls).catch(() => undefined)
      if (answer?.status === 200) times.push(performance.now() - asked)
      else failures++
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, caller))
  const rate = (times.length * 1_000) / (performance.now() - began)
  times.sort((a, b) => a - b)
  const percentile = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  return { rate, p50: percentile(0.5), p99: percentile(0.99), failures }
}
