import type { KeyObject } from 'node:crypto'
import type { FillRandom } from './random.ts'
import type { WrappingAlgorithm } from './root-key.ts'
import { SecretBytes } from './secret-bytes.ts'
import { DATA_KEY_BYTES } from './wrapped-data-key.ts'
import { wrap } from './wrapping.ts'

/**
 * Wraps a random value with the public half and has the HSM unwrap it.
 *
 * @param unwrap given 256 bytes; the result is disposed of here
 * @returns whether the value came back
 * @throws what `unwrap` throws: then nothing is known
 */
export const opensWhatItWraps = async (
  publicKey: KeyObject,
  algorithm: WrappingAlgorithm,
  random: FillRandom,
  unwrap: (wrapped: Buffer) => Promise<SecretBytes>,
): Promise<boolean> => {
  using value = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => void random(bytes))
  using opened = await unwrap(wrap(publicKey, algorithm, value))
  return opened.equals(value)
}
