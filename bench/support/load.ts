import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
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
  /** So many requests, however long they take, instead of for a time. */
  readonly amount?: number
}

export const CONNECTIONS = 32

/** Loads a server over 32 connections that are kept. */
export const load = async ({ url, seconds, next, amount }: Load): Promise<LoadResult> => {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    timeout: 60,
    ...(amount === undefined ? { duration: seconds } : { amount }),
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

/** Client certificate and CA, PEM. */
export interface ClientTls {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** 32 callers, each of which opens a connection, asks once and closes it, as the wallet server does. */
export const loadWithNewConnections = async (
  { url, seconds, next }: Load,
  tls?: ClientTls,
): Promise<LoadResult> => {
  const began = performance.now()
  const until = began + seconds * 1_000
  const times: number[] = []
  let failures = 0
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const asked = performance.now()
      if (await askOnce(url, next(), tls)) times.push(performance.now() - asked)
      else failures++
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, caller))
  const rate = (times.length * 1_000) / (performance.now() - began)
  times.sort((a, b) => a - b)
  const percentile = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  return { rate, p50: percentile(0.5), p99: percentile(0.99), failures }
}

const askOnce = (url: string, { method, path, body }: ReturnType<Load['next']>, tls?: ClientTls) =>
  new Promise<boolean>((resolve) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const request = tls === undefined ? plainRequest : tlsRequest
    request(url + path, { method, agent: false, ...tls, ...(headers && { headers }) }, (answer) => {
      answer.resume().once('close', () => resolve(answer.statusCode === 200))
    })
      .once('error', () => resolve(false))
      .end(text)
  })
