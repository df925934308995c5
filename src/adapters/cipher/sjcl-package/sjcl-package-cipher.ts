import sjcl from 'sjcl'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../ports/envelope-cipher.port.ts'
import type { CcmParameters, SjclEngine } from '../sjcl-json/engine.ts'
import { KEY_BYTES, TAG_BYTES } from '../sjcl-json/format.ts'
import { type SjclCipherOptions, sjclJsonCipher } from '../sjcl-json/sjcl-json-cipher.ts'
import { type BitArray, byteLength, toBits, writeBytes } from './bit-array.ts'

const secretFromBits = (bits: BitArray): SecretBytes => {
  try {
    return SecretBytes.fill(byteLength(bits), (bytes) => writeBytes(bits, bytes))
  } finally {
    bits.fill(0)
  }
}

/** Lends the secret as a bit array, which is wiped after use. */
const withBits = <T>(secret: SecretBytes, use: (bits: BitArray) => T): T => {
  const bits = toBits(secret.bytes)
  try {
    return use(bits)
  } finally {
    bits.fill(0)
  }
}

const aes = (key: SecretBytes) => withBits(key, (bits) => new sjcl.cipher.aes(bits))

const sjclEngine: SjclEngine = {
  // Never a text password: SJCL's convenience functions would keep it, and the derived key, for good.
  async deriveKey(password, salt, iterations) {
    return withBits(password, (bits) =>
      secretFromBits(sjcl.misc.pbkdf2(bits, toBits(salt), iterations, 8 * KEY_BYTES)),
    )
  },

  seal({ key, iv, context }, plaintext) {
    const sealed = withBits(plaintext, (bits) =>
      sjcl.mode.ccm.encrypt(aes(key), bits, toBits(iv), toBits(context), 8 * TAG_BYTES),
    )
    const bytes = new Uint8Array(byteLength(sealed))
    writeBytes(sealed, bytes)
    return bytes
  },

  open(parameters, sealed) {
    const bits = openBits(parameters, sealed)
    return bits === undefined ? undefined : secretFromBits(bits)
  },
}

const openBits = ({ key, iv, context }: CcmParameters, sealed: Uint8Array): BitArray | undefined => {
  try {
    return sjcl.mode.ccm.decrypt(aes(key), toBits(sealed), toBits(iv), toBits(context), 8 * TAG_BYTES)
  } catch (error) {
    if (error instanceof sjcl.exception.corrupt) return undefined
    throw error
  }
}

/**
 * The SJCL envelope on the primitives of the `sjcl` package: a second engine, and the oracle for the first.
 *
 * It computes in the event loop (some 30 ms for each key derivation) and leaves copies of keys and plaintext
 * inside the package, in arrays that only the collector frees: use the engine on node:crypto where that matters.
 */
export const sjclPackageCipher = (options?: SjclCipherOptions): EnvelopeCipherPort =>
  sjclJsonCipher(sjclEngine, options)
