import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { openSockets, peer } from '../open-sockets.ts'

/** A connection that has shown no request for so long after the closing began has none. */
const IDLE_GRACE = 1_000

/**
 * A closing server answers what is in flight, and what still comes on connections that are open, with
 * `Connection: close`. Node alone would wait for connections that send nothing, or never finish, for ever.
 */
export const closeGracefully = (
  app: FastifyInstance,
  inFlight: ReadonlySet<ServerResponse>,
  grace: number,
): void => {
  const sockets = openSockets(app.server)
  // Node would destroy every connection without a request at once, the one whose request is on its way too.
  app.server.closeIdleConnections = () => undefined
  const destroyExcept = (busy: ReadonlySet<string>): void => {
    for (const socket of sockets) if (!busy.has(peer(socket))) socket.destroy()
  }
  app.addHook('preClose', (done) => {
    for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close')
    const timers = [
      setTimeout(() => destroyExcept(new Set([...inFlight].map(({ socket }) => peer(socket)))), IDLE_GRACE),
      setTimeout(() => destroyExcept(new Set()), grace),
    ]
    // A server that never listened does not tell that it is closed.
    for (const timer of timers) timer.unref()
    app.server.once('close', () => timers.forEach(clearTimeout))
    done()
  })
}
