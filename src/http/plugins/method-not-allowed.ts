import type { FastifyInstance } from 'fastify'
import { HttpError } from '../errors/http-error.ts'

/** What no route answers: 405 with Allow where the path is one of ours, else 404. */
export const answerUnknownRoutes = (app: FastifyInstance): void => {
  const routes: { readonly url: string; readonly method: string }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    for (const each of [method].flat()) routes.push({ url, method: each })
  })
  const methodsOf = (path: string): readonly string[] =>
    routes
      .filter(({ url }) => (url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : path === url))
      .map(({ method }) => method)

  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1)
    const allowed = methodsOf(path)
    if (allowed.length === 0) throw new HttpError('route_not_found')
    reply.header('allow', allowed.join(', '))
    throw new HttpError('method_not_allowed')
  })
}
