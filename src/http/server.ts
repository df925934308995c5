import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { HttpLimits } from './limits.ts'
import { ownReadBuffer } from './memory/own-read-buffer.ts'
import { scrubStackSoon } from './memory/stack-scrub.ts'
import { WipedRequest } from './memory/wiped-request.ts'

const CHECK_INTERVAL = 2_000

export type { TlsOptions }

export interface ServerDeps {
  readonly limits: HttpLimits
  readonly tls?: TlsOptions | undefined
  readonly warn: (message: string) => void
}

/** Node's server with every bound set, that leaves nothing of a request in memory. */
export const createServer = (handler: RequestListener, deps: ServerDeps): Server => {
  const { limits, tls } = deps
  const options = {
    IncomingMessage: WipedRequest,
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    maxHeaderSize: limits.maxHeaderSize,
    connectionsCheckingInterval: CHECK_INTERVAL,
    // As with `checkExpectation` below.
    requireHostHeader: false,
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    response.once('close', () => {
      ;(request as WipedRequest).wipe()
      scrubStackSoon()
    })
    handler(request, response)
  }
  const server =
    tls === undefined
      ? createHttpServer(options, listener)
      : createHttpsServer({ ...tls, ...options }, listener)
  server.maxHeadersCount = limits.maxHeadersCount
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket
  server.maxConnections = limits.maxConnections
  server.setTimeout(limits.connectionTimeout)
  // Node would answer with an empty body; the app refuses it with a problem document.
  server.on('checkExpectation', listener)
  server.on(
    tls === undefined ? 'connection' : 'secureConnection',
    ownReadBuffer({
      ...(tls === undefined ? {} : { afterRead: scrubStackSoon }),
      onUnsupported: (reason) =>
        deps.warn(
          `this Node.js keeps the last requests in its own read buffer (${reason}): keys stay in memory`,
        ),
    }) as (socket: Socket) => void,
  )
  return server as Server
}
