import type { Server } from 'node:http'
import type { Socket } from 'node:net'

const known = new WeakMap<Server, ReadonlySet<Socket>>()

/** A socket and the TLS socket above it are known to be one by this alone. */
export const peer = (socket: Pick<Socket, 'remoteAddress' | 'remotePort'> | null): string =>
  `${socket?.remoteAddress} ${socket?.remotePort}`

/**
 * The connections of a server, those whose TLS handshake is not done too. Each is followed once, whoever asks.
 * Precondition: at first the server does not listen yet.
 */
export const openSockets = (server: Server): ReadonlySet<Socket> => {
  const found = known.get(server)
  if (found !== undefined) return found
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  known.set(server, open)
  return open
}
