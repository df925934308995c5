import { KmsError } from '../../domain/errors.ts'
import type { EnvelopeCipherPort } from '../../ports/envelope-cipher.port.ts'

/**
 * Writes one format and reads several: each envelope is opened by the cipher of its own format.
 *
 * @param writer also reads
 */
export const readableFormats = (
  writer: EnvelopeCipherPort,
  ...readers: readonly EnvelopeCipherPort[]
): EnvelopeCipherPort => {
  const ciphers = [writer, ...readers]
  return {
    format: writer.format,
    recognizes: (envelope) => ciphers.some((cipher) => cipher.recognizes(envelope)),
    encrypt: (plaintext, dataKey, context) => writer.encrypt(plaintext, dataKey, context),
    async decrypt(envelope, dataKey, context) {
      const cipher = ciphers.find((candidate) => candidate.recognizes(envelope))
      if (cipher === undefined) throw new KmsError('integrity_failure')
      return await cipher.decrypt(envelope, dataKey, context)
    },
  }
}
