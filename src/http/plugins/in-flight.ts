import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { HttpError } from '../errors/http-error.ts'

/**
 * Bounds how many requests are under way, and with them the memory that their bodies take.
 *
 * @returns the responses that are not finished
 */
export const limitInFlight = (app: FastifyInstance, max: number): ReadonlySet<ServerResponse> => {
  const inFlight = new Set<ServerResponse>()
  app.addHook('onRequest', (_request, { raw }, done) => {
    if (inFlight.size >= max) throw new HttpError('server_busy')
    inFlight.add(raw)
    raw.once('close', () => inFlight.delete(raw))
    done()
  })
  return inFlight
}
