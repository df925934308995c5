import { ownBuffer, wipe } from './messages.ts'

/** One message: length u32 of what follows, id u32, kind u8, and each field behind its length u32; big-endian. */
export interface Frame {
  readonly id: number
  readonly kind: number
  /** Their receiver's to wipe. */
  readonly fields: readonly Buffer[]
}

const LENGTH_BYTES = 4
const HEADER_BYTES = 5
export const MAX_FRAME_BYTES = 65_536

export const encodeFrame = (id: number, kind: number, fields: readonly Uint8Array[]): Buffer => {
  const length = fields.reduce((sum, field) => sum + LENGTH_BYTES + field.length, HEADER_BYTES)
  if (length > MAX_FRAME_BYTES) throw new RangeError('the message is too long')
  const frame = ownBuffer(LENGTH_BYTES + length)
  let at = frame.writeUInt32BE(length)
  at = frame.writeUInt32BE(id, at)
  at = frame.writeUInt8(kind, at)
  for (const field of fields) {
    at = frame.writeUInt32BE(field.length, at)
    frame.set(field, at)
    at += field.length
  }
  return frame
}

const decodeFrame = (body: Buffer): Frame => {
  const fields: Buffer[] = []
  for (let at = HEADER_BYTES; at < body.length; ) {
    const length = body.readUInt32BE(at)
    at += LENGTH_BYTES
    if (at + length > body.length) throw new RangeError('a field reaches beyond its message')
    const field = ownBuffer(length)
    field.set(body.subarray(at, at + length))
    fields.push(field)
    at += length
  }
  return { id: body.readUInt32BE(0), kind: body.readUInt8(LENGTH_BYTES), fields }
}

/** Puts messages together from what arrives, in memory of its own, which is wiped after each. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  readonly #buffer = ownBuffer(LENGTH_BYTES + MAX_FRAME_BYTES)
  #filled = 0

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Wipes the chunk. @throws RangeError for what is no message: nothing that follows can be understood */
  accept(chunk: Uint8Array): void {
    try {
      for (let rest = chunk; rest.length > 0; ) {
        const taken = rest.subarray(0, this.#missing)
        this.#buffer.set(taken, this.#filled)
        this.#filled += taken.length
        rest = rest.subarray(taken.length)
        if (this.#filled >= LENGTH_BYTES && this.#missing === 0) this.#deliver()
      }
    } finally {
      wipe(chunk)
    }
  }

  /** Until the length is known, or the message is complete. */
  get #missing(): number {
    if (this.#filled < LENGTH_BYTES) return LENGTH_BYTES - this.#filled
    const length = this.#buffer.readUInt32BE()
    if (length < HEADER_BYTES || length > MAX_FRAME_BYTES)
      throw new RangeError('a message of no valid length')
    return LENGTH_BYTES + length - this.#filled
  }

  #deliver(): void {
    const message = this.#buffer.subarray(0, this.#filled)
    this.#filled = 0
    let frame: Frame
    try {
      frame = decodeFrame(message.subarray(LENGTH_BYTES))
    } finally {
      wipe(message)
    }
    this.#onFrame(frame)
  }
}
