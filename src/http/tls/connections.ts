import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { openSockets, peer } from '../open-sockets.ts'

/** How long a connection of before may stay idle: a request may be on its way. */
const IDLE_GRACE_MS = 1_000

/**
 * Which connections were made before the last reload. What is in flight on them is answered, and what was on its
 * way, with `Connection: close`; then they end.
 */
export class Connections {
  #open: ReadonlySet<Socket> = new Set()
  readonly #answering = new Set<ServerResponse>()
  /** Those of before the last reload, with their peers: a TLS socket and the one below it are known by that alone. */
  readonly #old = new Map<Socket, string>()
  readonly #oldPeers = new Set<string>()
  #sweep: NodeJS.Timeout | undefined

  /** Precondition: the server does not listen yet. */
  follow(server: Server): void {
    this.#open = openSockets(server)
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answering.add(response)
      response.once('close', () => this.#answering.delete(response))
      if (this.isOld(request.socket)) response.setHeader('connection', 'close')
    }
    server.prependListener('request', answer)
    server.prependListener('checkExpectation', answer)
  }

  isOld(socket: Socket): boolean {
    return this.#oldPeers.size > 0 && this.#oldPeers.has(peer(socket))
  }

  /** Makes all that are open now connections of before. */
  retire(): void {
    for (const socket of this.#open) {
      if (this.#old.has(socket)) continue
      const name = peer(socket)
      this.#old.set(socket, name)
      this.#oldPeers.add(name)
    }
    for (const response of this.#answering) {
      if (!response.headersSent) response.setHeader('connection', 'close')
    }
    clearInterval(this.#sweep)
    this.#sweep = setInterval(() => this.#endIdle(), IDLE_GRACE_MS).unref()
  }

  #endIdle(): void {
    const busy = new Set(Array.from(this.#answering, ({ socket }) => peer(socket)))
    for (const [socket, name] of this.#old) {
      if (!busy.has(name)) socket.destroy()
      if (!socket.destroyed) continue
      this.#old.delete(socket)
      this.#oldPeers.delete(name)
    }
    if (this.#old.size === 0) clearInterval(this.#sweep)
  }
}
