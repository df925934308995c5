import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError } from '../errors/http-error.ts'
import { RateLimitStore } from './rate-limit-store.ts'

/** Requests of one client in a window of time. */
export interface RateLimits {
  /** That change nothing: getPrivateKey, decryptDataKey, and what no route answers. */
  readonly reads: number
  /** That make something: storePrivateKey, generateDataKey. */
  readonly writes: number
  readonly windowMs: number
}

/**
 * A wallet server comes in bursts, and each of its calls is a request: these let through what one does at its
 * busiest, and bound what a client that was taken over, or runs in circles, takes from the others.
 */
export const DEFAULT_RATE_LIMITS: RateLimits = { reads: 10_000, writes: 4_000, windowMs: 10_000 }

const WRITES: ReadonlySet<string | undefined> = new Set(['/key', '/generateDataKey'])

/** Each process has its part, for the connections that come to it. */
export const shareOf = ({ reads, writes, windowMs }: RateLimits, processes: number): RateLimits => ({
  reads: Math.ceil(reads / processes),
  writes: Math.ceil(writes / processes),
  windowMs,
})

/**
 * By the client's certificate, or by its address where it has none. Precondition: requests are identified before.
 *
 * @param onLimited called for each request that is refused
 */
export const limitRates = (
  app: FastifyInstance,
  { reads, writes, windowMs }: RateLimits,
  onLimited: (request: FastifyRequest) => void,
): void => {
  const none = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }
  app.register(rateLimit, {
    global: false,
    store: RateLimitStore,
    timeWindow: windowMs,
    keyGenerator: ({ context, ip }) => context.client?.fingerprint ?? ip,
    addHeaders: { ...none, 'retry-after': false },
    addHeadersOnExceeding: none,
    onExceeded: onLimited,
    errorResponseBuilder: (_request, { ttl }) =>
      new HttpError('rate_limited', { retryAfter: Math.max(1, Math.ceil(ttl / 1_000)) }),
  })
  app.after(() => {
    const limitReads = app.rateLimit({ max: reads })
    const limitWrites = app.rateLimit({ max: writes })
    app.addHook('onRequest', function (request, reply) {
      const limit = WRITES.has(request.routeOptions.url) ? limitWrites : limitReads
      return limit.call(this, request, reply)
    })
  })
}
