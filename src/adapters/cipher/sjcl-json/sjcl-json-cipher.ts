import { KmsError } from '../../../domain/errors.ts'
import { type FillRandom, systemRandom } from '../../../domain/random.ts'
import type { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../ports/envelope-cipher.port.ts'
import type { SjclEngine } from './engine.ts'
import { parseEnvelope, serializeEnvelope } from './envelope-text.ts'
import { ITERATIONS, IV_BYTES, MAX_ENVELOPE_LENGTH, SALT_BYTES, SJCL_FORMAT, TAG_BYTES } from './format.ts'

export interface SjclCipherOptions {
  /** Asked for the salt, then for the iv. Replaced only where known envelopes are needed. */
  readonly random?: FillRandom
}

/**
 * The envelope that `sjcl.decrypt(base64DataKey, envelope)` opens: SJCL's JSON text, whose password is the
 * standard base64 text of the data key. Salt and iv are fresh each time.
 *
 * `encrypt` throws KmsError `validation_failed` for a plaintext whose envelope could not be read again.
 */
export const sjclJsonCipher = (
  engine: SjclEngine,
  { random = systemRandom }: SjclCipherOptions = {},
): EnvelopeCipherPort => {
  const deriveKey = async (dataKey: SecretBytes, salt: Uint8Array, iterations: number) => {
    using password = dataKey.toBase64()
    return await engine.deriveKey(password, salt, iterations)
  }
  return {
    format: SJCL_FORMAT,

    // The format of the reference has no name in it: whatever names no other is taken for it.
    recognizes: (envelope) => !envelope.startsWith('{"format":'),

    async encrypt(plaintext, dataKey, context) {
      checkSize(plaintext.length, context)
      const salt = random(new Uint8Array(SALT_BYTES))
      const iv = random(new Uint8Array(IV_BYTES))
      using key = await deriveKey(dataKey, salt, ITERATIONS)
      const sealed = engine.seal({ key, iv, context }, plaintext)
      return serializeEnvelope({ iv, iterations: ITERATIONS, context, salt, sealed })
    },

    async decrypt(envelope, dataKey, context) {
      const { iv, iterations, salt, sealed } = parseEnvelope(envelope, context)
      using key = await deriveKey(dataKey, salt, iterations)
      const plaintext = engine.open({ key, iv, context }, sealed)
      if (plaintext === undefined) throw new KmsError('integrity_failure')
      return plaintext
    },
  }
}

const NOTHING = new Uint8Array(0)

/** Before any work is done: the length of an envelope follows from those of its parts. */
const checkSize = (plaintextLength: number, context: Uint8Array): void => {
  const frame = serializeEnvelope({
    iv: new Uint8Array(IV_BYTES),
    iterations: ITERATIONS,
    context,
    salt: new Uint8Array(SALT_BYTES),
    sealed: NOTHING,
  })
  if (frame.length + Math.ceil((plaintextLength + TAG_BYTES) / 3) * 4 > MAX_ENVELOPE_LENGTH) {
    throw new KmsError('validation_failed', {
      message: 'prv must be shorter: its envelope would be over 2 MiB.',
    })
  }
}
