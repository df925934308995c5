import { IncomingMessage } from 'node:http'

/**
 * Remembers the chunks of its body and wipes them, whoever read them, or nobody: after a 404 or a 413, or when
 * the client went away. What comes later still is wiped on arrival.
 */
export class WipedRequest extends IncomingMessage {
  #chunks: Buffer[] = []
  #wiped = false

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (Buffer.isBuffer(chunk)) {
      if (this.#wiped) chunk.fill(0)
      else this.#chunks.push(chunk)
    }
    return super.push(chunk, encoding)
  }

  /** Node calls this for a body that nobody reads; its own would drop late chunks unseen. */
  _dump(): void {
    if (this.#wiped) return
    this.wipe()
    this.removeAllListeners('data')
    this.resume()
  }

  /** Idempotent. Only when nobody reads the body any more: what has come is wiped, and what comes. */
  wipe(): void {
    this.#wiped = true
    for (const chunk of this.#chunks) chunk.fill(0)
    this.#chunks = []
  }
}
