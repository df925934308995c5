import { timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

const REDACTED = '[SecretBytes]'
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1')
const BASE64_PAD = 0x3d

/**
 * Key material with one owner: bound with `using`, it is wiped at the end of its scope.
 *
 * The bytes stand in an ArrayBuffer of their own. `Buffer.from`/`concat` would slice a shared pool, and typed
 * arrays of up to 64 bytes made without an explicit ArrayBuffer live in the V8 heap, where the collector
 * moves (copies) them; neither could be wiped for certain.
 *
 * Precondition of every reader: not disposed. Reading after disposal throws.
 */
export class SecretBytes implements Disposable {
  #bytes: Buffer | undefined

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** `length` bytes written by `fill`; if it throws they are wiped before the error goes on. */
  static fill(length: number, fill: (bytes: Buffer) => void): SecretBytes {
    const secret = new SecretBytes(Buffer.from(new ArrayBuffer(length)))
    try {
      fill(secret.bytes)
    } catch (error) {
      secret[Symbol.dispose]()
      throw error
    }
    return secret
  }

  /** A copy; the source stays its owner's to wipe. */
  static copyOf(source: Uint8Array): SecretBytes {
    return SecretBytes.fill(source.length, (bytes) => bytes.set(source))
  }

  /** Moves the bytes here: copies, then wipes the source. */
  static take(source: Uint8Array): SecretBytes {
    try {
      return SecretBytes.copyOf(source)
    } finally {
      source.fill(0)
    }
  }

  /** UTF-8 of a text. The text itself can't be wiped. Precondition: no lone surrogates (they would change). */
  static fromUtf8(text: string): SecretBytes {
    if (!text.isWellFormed()) throw new TypeError('text with lone surrogates has no UTF-8 form')
    return SecretBytes.fill(Buffer.byteLength(text, 'utf8'), (bytes) => bytes.write(text, 'utf8'))
  }

  /** The live bytes, not a copy: valid until disposal. */
  get bytes(): Buffer {
    if (this.#bytes === undefined) throw new Error('SecretBytes was read after it was disposed')
    return this.#bytes
  }

  get length(): number {
    return this.bytes.length
  }

  /** Compares in time that depends on the lengths alone. */
  equals(other: SecretBytes): boolean {
    return this.length === other.length && timingSafeEqual(this.bytes, other.bytes)
  }

  /** The standard, padded base64 text as ASCII bytes, never as a string. */
  toBase64(): SecretBytes {
    const source = this.bytes
    return SecretBytes.fill(Math.ceil(source.length / 3) * 4, (out) => {
      for (let from = 0, to = 0; from < source.length; from += 3) {
        const [a = 0, b, c] = source.subarray(from, from + 3)
        out[to++] = BASE64[a >> 2] as number
        out[to++] = BASE64[((a & 3) << 4) | ((b ?? 0) >> 4)] as number
        out[to++] = b === undefined ? BASE64_PAD : (BASE64[((b & 15) << 2) | ((c ?? 0) >> 6)] as number)
        out[to++] = c === undefined ? BASE64_PAD : (BASE64[c & 63] as number)
      }
    })
  }

  [Symbol.dispose](): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}
