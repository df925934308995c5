import type { FastifyReply, FastifyRequest } from 'fastify'
import { errorFields } from '../../domain/error-fields.ts'
import { KmsError } from '../../domain/errors.ts'
import { classify } from './classify.ts'
import { PROBLEM_MEDIA_TYPE, problem } from './problem.ts'

/**
 * Every error of a request becomes a problem document here, and a line in the log: on some of its paths the
 * wallet server shows nothing of the answer, so the log is the only place where the operator can see it.
 */
export const errorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
  const { code, message, retryAfter } = classify(error)
  const body = problem(code, message, request.id)
  const level = body.status >= 500 ? 'error' : 'info'
  request.log[level](
    {
      code,
      status: body.status,
      reason: message,
      route: request.routeOptions.url,
      method: request.method,
      address: request.ip,
      ...(error instanceof KmsError ? { subject: error.subject } : {}),
      ...(level === 'error' || (error instanceof Error && error.cause !== undefined)
        ? { error: errorFields(error) }
        : {}),
    },
    'request refused',
  )
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  return reply.code(body.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(body))
}
