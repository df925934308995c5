import { HEADER_BYTES, REPLY, REQUEST } from './protocol.ts'

const FLAG_BIT = 0x80000000
const LENGTH_MASK = 0x7fffffff
/** Device constants have bit 31 of a code set; the client masks it. */
const ERROR_BIT = 0x80000000

/**
 * One reply in one buffer, because the client takes one record for one reply. The buffer is not pooled: it may
 * hold a key, and is wiped once written.
 */
export const replyFrame = (payload?: Uint8Array): Buffer => {
  const frame = Buffer.from(new ArrayBuffer(HEADER_BYTES + (payload?.length ?? 0)))
  frame.writeUInt32LE(REPLY.ok, 0)
  if (payload !== undefined) {
    frame.writeUInt32LE(payload.length, 4)
    frame.set(payload, HEADER_BYTES)
  }
  return frame
}

export const errorFrame = (code: number): Buffer => {
  const frame = replyFrame()
  frame.writeUInt32LE(REPLY.error, 0)
  frame.writeUInt32LE((code | ERROR_BIT) >>> 0, 4)
  return frame
}

export interface Request {
  readonly id: number
  /** Bit 31 of the second word; each operation gives it a meaning of its own. */
  readonly flag: boolean
  readonly payload: Buffer
  /** The marker stood in place of a length: 32 raw bytes follow once the challenge is out. */
  readonly isLogin: boolean
}

/** Thrown for a request that announces more than the bound; there is no way to go on after it. */
export class RequestTooLarge extends Error {
  constructor(announced: number, bound: number) {
    super(`a request announced ${announced} bytes, the bound is ${bound}`)
    this.name = 'RequestTooLarge'
  }
}

/**
 * Puts requests together from whatever pieces they arrive in. Nothing is copied where a request arrived in one
 * piece, and once where it did not.
 */
export class RequestReader {
  readonly #bound: number
  #chunks: Buffer[] = []
  #length = 0

  constructor(bound: number) {
    this.#bound = bound
  }

  /** Bytes that have arrived and were not taken yet. */
  get length(): number {
    return this.#length
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next `count` bytes; `undefined` until they have all arrived. Precondition: `count` is positive. */
  take(count: number): Buffer | undefined {
    if (this.#length < count) return undefined
    const head = this.#gather(count)
    const rest = head.subarray(count)
    if (rest.length === 0) this.#chunks.shift()
    else this.#chunks[0] = rest
    this.#length -= count
    return head.subarray(0, count)
  }

  /**
   * The next request; `undefined` until all of it has arrived.
   *
   * @throws RequestTooLarge as soon as the header shows it
   */
  next(): Request | undefined {
    if (this.#length < HEADER_BYTES) return undefined
    const header = this.#gather(HEADER_BYTES)
    const id = header.readUInt32LE(0)
    const word = header.readUInt32LE(4)
    const isLogin = id === REQUEST.login && word === REQUEST.loginMarker
    const length = isLogin ? 0 : word & LENGTH_MASK
    if (length > this.#bound) throw new RequestTooLarge(length, this.#bound)
    const frame = this.take(HEADER_BYTES + length)
    if (frame === undefined) return undefined
    return { id, flag: (word & FLAG_BIT) !== 0, payload: frame.subarray(HEADER_BYTES), isLogin }
  }

  /** Makes the first chunk hold at least `count` bytes. Precondition: they have arrived. */
  #gather(count: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks
    if (first.length >= count) return first
    const joined = Buffer.concat(this.#chunks, this.#length)
    this.#chunks = [joined]
    return joined
  }
}
