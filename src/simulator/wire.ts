import type { Socket } from 'node:net'
import type { Wire } from './fault-delivery.ts'

/** Two small writes in plain TCP are two arrivals only if time passes between them; in TLS they are two records. */
const PLAIN_SPLIT_MS = 20

/**
 * The sending side of a connection: plain TCP first, then TLS on the same TCP connection.
 * Everything is wiped once it is written.
 */
export class SocketWire implements Wire {
  readonly #raw: Socket
  #socket: Socket
  /** Resolves when the write that is under way has ended. */
  #underWay: Promise<boolean> | undefined

  constructor(raw: Socket) {
    this.#raw = raw
    this.#socket = raw
  }

  secure(socket: Socket): void {
    this.#socket = socket
  }

  get splitDelayMs(): number {
    return this.#socket === this.#raw ? PLAIN_SPLIT_MS : 0
  }

  /**
   * @returns `true` when it is on its way; a promise where an earlier write still is, because writes that
   *   overlap are merged into one record. So no more than one message ever waits in memory.
   */
  send(bytes: Buffer): boolean | Promise<boolean> {
    if (this.#underWay !== undefined) return this.write(bytes)
    void this.#begin(bytes)
    return true
  }

  async write(bytes: Buffer): Promise<boolean> {
    while (this.#underWay !== undefined) await this.#underWay
    return this.#begin(bytes)
  }

  #begin(bytes: Buffer): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#underWay = promise
    this.#socket.write(bytes, (error) => {
      bytes.fill(0)
      this.#underWay = undefined
      resolve(error === null || error === undefined)
    })
    return promise
  }

  delay(ms: number): Promise<boolean> {
    const socket = this.#raw
    if (ms === 0 || socket.destroyed) return Promise.resolve(!socket.destroyed)
    return new Promise((resolve) => {
      const ended = (): void => {
        clearTimeout(timer)
        resolve(false)
      }
      const timer = setTimeout(() => {
        socket.off('close', ended)
        resolve(true)
      }, ms)
      socket.once('close', ended)
    })
  }

  /** The TCP connection ends without a word of TLS. */
  fin(): void {
    this.#socket.destroy()
  }

  rst(): void {
    this.#raw.resetAndDestroy()
  }

  closeNotify(): void {
    this.#socket.destroySoon()
  }
}
