import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, type FastifyRequest, LogController } from 'fastify'
import { UNRESTRICTED } from '../domain/caller.ts'
import type { KeyOperations } from '../domain/operations.ts'
import { readJsonBodies } from './body/json-body.ts'
import { errorHandler } from './errors/error-handler.ts'
import { answerRaw, clientErrorHandler } from './errors/raw-problem.ts'
import type { HttpApp } from './http-app.ts'
import { DEFAULT_LIMITS, type HttpLimits } from './limits.ts'
import { logRequests } from './plugins/access-log.ts'
import { closeGracefully } from './plugins/closing.ts'
import { drainRefusedBodies } from './plugins/drain-body.ts'
import { limitInFlight } from './plugins/in-flight.ts'
import { answerUnknownRoutes } from './plugins/method-not-allowed.ts'
import { limitRates, type RateLimits } from './plugins/rate-limit.ts'
import { type Identify, identifyRequests } from './plugins/request-context.ts'
import { addSecurityHeaders } from './plugins/security-headers.ts'
import { decryptDataKeyRoute } from './routes/decrypt-data-key.ts'
import { generateDataKeyRoute } from './routes/generate-data-key.ts'
import { getPrivateKeyRoute } from './routes/get-private-key.ts'
import { storePrivateKeyRoute } from './routes/store-private-key.ts'
import { createServer, type TlsOptions } from './server.ts'

const DRAIN_FACTOR = 4

export interface AppDeps extends Partial<HttpLimits> {
  readonly operations: KeyOperations
  readonly logger: FastifyBaseLogger
  /** Who asks; without it everybody may do everything. */
  readonly identify?: Identify
  /** Without it the server speaks plain HTTP. */
  readonly tls?: TlsOptions
  /** For each client; without them it may ask as often as it likes. */
  readonly rateLimits?: RateLimits
  /** Called for each request that is refused because its client asks too often. */
  readonly onRateLimited?: (request: FastifyRequest) => void
}

/**
 * The path is routed as it came: what stands after a percent sign is decoded by the route that knows what it
 * means, once, and can't change which route that is.
 */
const escapePercent = (url: string): string => {
  if (!url.includes('%')) return url
  const [path = '', ...query] = url.split('?')
  return [path.replaceAll('%', '%25'), ...query].join('?')
}

/** The whole HTTP side of the service: what is not named here is not exposed. */
export const buildApp = (deps: AppDeps): HttpApp => {
  const limits: HttpLimits = { ...DEFAULT_LIMITS, ...deps }
  const { operations, logger } = deps

  const app: HttpApp = fastify<Server>({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: limits.bodyLimit,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: false, ignoreDuplicateSlashes: false, caseSensitive: true },
    rewriteUrl: ({ url = '/' }) => escapePercent(url),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    clientErrorHandler: clientErrorHandler(logger, () => inFlight),
    serverFactory: (handler) =>
      createServer(handler, { limits, tls: deps.tls, warn: (message) => logger.warn({}, message) }),
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.server.on('connect', (_request, socket: Socket) => answerRaw(socket, 'method_not_allowed'))
  app.setErrorHandler(errorHandler)

  addSecurityHeaders(app)
  logRequests(app)
  identifyRequests(app, deps.identify ?? (() => ({ caller: UNRESTRICTED })))
  if (deps.rateLimits !== undefined) limitRates(app, deps.rateLimits, deps.onRateLimited ?? (() => undefined))
  const inFlight = limitInFlight(app, limits.maxInFlight)
  closeGracefully(app, inFlight, limits.closeGrace)
  drainRefusedBodies(app, DRAIN_FACTOR * limits.bodyLimit)
  readJsonBodies(app, limits.bodyLimit)
  answerUnknownRoutes(app)

  storePrivateKeyRoute(app, operations)
  getPrivateKeyRoute(app, operations)
  generateDataKeyRoute(app, operations)
  decryptDataKeyRoute(app, operations)
  return app
}
