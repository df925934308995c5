import type { FastifyInstance } from 'fastify'

/** One line for each request when its answer is finished, or its client gone. */
export const logRequests = (app: FastifyInstance): void => {
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => {
      const { method, routeOptions, ip, identity } = request
      request.log.info(
        {
          method,
          route: routeOptions.url,
          status: reply.raw.statusCode,
          ...(identity ?? {}),
          address: ip,
          ms: Math.round(reply.elapsedTime * 10) / 10,
        },
        reply.raw.writableFinished ? 'request completed' : 'request aborted',
      )
    })
    done()
  })
}
