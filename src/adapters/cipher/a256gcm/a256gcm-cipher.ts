import { hkdfSync } from 'node:crypto'
import { KmsError } from '../../../domain/errors.ts'
import { type FillRandom, systemRandom } from '../../../domain/random.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../ports/envelope-cipher.port.ts'
import { type Aead, aeadOpen, aeadSeal, TAG_BYTES } from '../node/aead.ts'
import {
  A256GCM_FORMAT,
  MAX_ENVELOPE_LENGTH,
  NONCE_BYTES,
  PREFIX,
  parseGcmEnvelope,
  serializeGcmEnvelope,
} from './envelope-text.ts'

export interface GcmCipherOptions {
  /** Asked for the nonce. Replaced only where known envelopes are needed. */
  readonly random?: FillRandom
}

const KEY_BYTES = 32
const KEY_INFO = 'cofre/a256gcm/v1'
const NO_SALT = Buffer.alloc(0)

const deriveKey = (dataKey: SecretBytes): SecretBytes =>
  SecretBytes.take(new Uint8Array(hkdfSync('sha256', dataKey.bytes, NO_SALT, KEY_INFO, KEY_BYTES)))

/** The format's name is authenticated with the context, so that an envelope can't be taken for another format's. */
const gcm = (key: SecretBytes, nonce: Uint8Array, context: Uint8Array): Aead => ({
  mode: 'gcm',
  key,
  nonce,
  context: Buffer.concat([Buffer.from(A256GCM_FORMAT), context]),
})

/**
 * AES-256-GCM under HKDF-SHA-256 of the data key, as JSON that names its format. No password is stretched:
 * the data key is 256 random bits. The nonce is random, and each key encrypts once.
 *
 * `encrypt` throws KmsError `validation_failed` for a plaintext whose envelope could not be read again.
 */
export const a256gcmCipher = ({ random = systemRandom }: GcmCipherOptions = {}): EnvelopeCipherPort => ({
  format: A256GCM_FORMAT,

  recognizes: (envelope) => envelope.startsWith(PREFIX),

  async encrypt(plaintext, dataKey, context) {
    const frame = serializeGcmEnvelope({ iv: Buffer.alloc(NONCE_BYTES), sealed: NO_SALT })
    if (frame.length + Math.ceil((plaintext.length + TAG_BYTES) / 3) * 4 > MAX_ENVELOPE_LENGTH) {
      throw new KmsError('validation_failed', {
        message: 'prv must be shorter: its envelope would be over 2 MiB.',
      })
    }
    const iv = random(new Uint8Array(NONCE_BYTES))
    using key = deriveKey(dataKey)
    return serializeGcmEnvelope({ iv, sealed: aeadSeal(gcm(key, iv, context), plaintext) })
  },

  async decrypt(envelope, dataKey, context) {
    const { iv, sealed } = parseGcmEnvelope(envelope)
    using key = deriveKey(dataKey)
    const plaintext = aeadOpen(gcm(key, iv, context), sealed)
    if (plaintext === undefined) throw new KmsError('integrity_failure')
    return plaintext
  },
})
