import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { KeyIdentity } from '../../domain/private-key.ts'
import type { RequestContext } from '../../domain/request-context.ts'
import { HttpError } from '../errors/http-error.ts'

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext
    /** What it is about, once it is known to be well-formed: for the log. */
    identity: KeyIdentity | null
  }
}

/**
 * Who asks.
 *
 * @throws HttpError `unauthenticated`
 */
export type Identify = (request: FastifyRequest) => Pick<RequestContext, 'client' | 'caller'>

/** What Node's server would refuse with an empty body. */
const checkProtocol = ({ raw, headers }: FastifyRequest): void => {
  if (raw.httpVersion !== '1.1') return
  if (headers.host === undefined)
    throw new HttpError('bad_request', { message: 'A Host header is required.' })
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new HttpError('expectation_failed')
  }
}

export const identifyRequests = (app: FastifyInstance, identify: Identify): void => {
  app.decorateRequest('context', null as unknown as RequestContext)
  app.decorateRequest('identity', null)
  const known = (request: FastifyRequest, reply: FastifyReply): ReturnType<Identify> => {
    try {
      return identify(request)
    } catch (error) {
      // Whoever is not known now stays unknown on this connection.
      reply.header('connection', 'close')
      throw error
    }
  }
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    checkProtocol(request)
    request.context = { requestId: request.id, address: request.ip, ...known(request, reply) }
    done()
  })
  // A body may take its time: what counts is who asks, and what it may do, when the operation begins.
  app.addHook('preValidation', (request, reply, done) => {
    if (request.method === 'POST') request.context = { ...request.context, ...known(request, reply) }
    done()
  })
}
