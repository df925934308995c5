import { DATA_KEY_BYTES } from '../../../../domain/wrapped-data-key.ts'

/** `u32 id, u32 word, payload`, little-endian. The word is the payload's length, or an error's code. */
export const HEADER_BYTES = 8

const OK_ID = 0
const ERROR_ID = 0xffffffff
/** The restricted modes' challenges; the SDK takes them like the plain one. */
const RESTRICTED_IDS = [0xfffffffb, 0xfffffff1]
const CODE_MASK = 0x7fffffff

/** What may come in reply to a request. An error reply always may. */
export interface ReplyShape {
  readonly ids: readonly number[]
  /** Of the payload, in bytes. */
  readonly min: number
  readonly max: number
  /** The payload's length where the header says 0: nothing but the payload itself ever showed it. */
  readonly unsaid?: number
}

const sized = (min: number, max = min): ReplyShape => ({ ids: [OK_ID], min, max })

export const REPLY = {
  challenge: { ids: [OK_ID, ...RESTRICTED_IDS], min: 16, max: 16, unsaid: 16 },
  done: sized(0),
  dataKey: sized(DATA_KEY_BYTES),
  /** SubjectPublicKeyInfo or PKCS#1, from Ed25519 to RSA-8192. */
  publicKey: sized(44, 4_096),
  /** That it comes at all is the answer; what it holds is nobody's business. */
  privateKey: sized(0, 8_192),
  unwrapped: sized(0, 256),
} as const satisfies Record<string, ReplyShape>

/** Bytes that are not the one reply that was asked for: the stream can't be trusted any more. */
export class NotTheReply extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NotTheReply'
  }
}

export interface Reply {
  readonly frame: Buffer
  /** Of an error reply. */
  readonly errorCode: number | undefined
}

const readHeader = (
  bytes: Buffer,
  { ids, min, max, unsaid = 0 }: ReplyShape,
): { readonly length: number; readonly errorCode: number | undefined } => {
  const id = bytes.readUInt32LE(0)
  const word = bytes.readUInt32LE(4)
  if (id === ERROR_ID) {
    const errorCode = word & CODE_MASK
    if (errorCode === 0) throw new NotTheReply('an error reply without a code')
    return { length: 0, errorCode }
  }
  if (!ids.includes(id)) throw new NotTheReply(`a reply with the id ${id}`)
  const length = word === 0 ? unsaid : word
  if (length < min || length > max) {
    throw new NotTheReply(`a reply that announces ${word} bytes where ${min} to ${max} were expected`)
  }
  return { length, errorCode: undefined }
}

/** In a buffer of its own; both parts are wiped. */
const join = (head: Buffer, tail: Buffer): Buffer => {
  const joined = Buffer.from(new ArrayBuffer(head.length + tail.length))
  joined.set(head)
  joined.set(tail, head.length)
  head.fill(0)
  tail.fill(0)
  return joined
}

/**
 * Puts one reply together from whatever pieces it arrives in, by its length alone. It never holds more than the
 * shape allows and one piece. What it gives out is its receiver's to wipe, everything else it wipes itself.
 */
export class ReplyAssembler {
  #begun: Buffer | undefined

  /** @throws NotTheReply as soon as it shows */
  push(piece: Buffer, shape: ReplyShape): Reply | undefined {
    const bytes = this.#begun === undefined ? piece : join(this.#begun, piece)
    this.#begun = undefined
    try {
      if (bytes.length >= HEADER_BYTES) {
        const { length, errorCode } = readHeader(bytes, shape)
        const surplus = bytes.length - HEADER_BYTES - length
        if (surplus > 0) throw new NotTheReply(`${surplus} bytes more than the reply`)
        if (surplus === 0) return { frame: bytes, errorCode }
      }
    } catch (error) {
      bytes.fill(0)
      throw error
    }
    this.#begun = bytes
    return undefined
  }

  wipe(): void {
    this.#begun?.fill(0)
    this.#begun = undefined
  }
}
