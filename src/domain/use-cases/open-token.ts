import type { FillRandom } from '../random.ts'
import type { RootKeyInHsm } from '../root-keys/root-keyring.ts'
import { SecretBytes } from '../secret-bytes.ts'
import { DATA_KEY_BYTES, type ParsedToken, tagMatches } from '../wrapped-data-key.ts'

export interface OpenTokenOptions {
  readonly random: FillRandom
  /**
   * Once more on another session, whatever the first answer was, if it was not the data key. Otherwise a second
   * answer is asked for only where the first was a data key, and the wrong one: a stray reply must not make a
   * good token look bad, and garbage must not cost sessions.
   */
  readonly askTwice: boolean
}

/**
 * Has the HSM unwrap the token's data key, and checks the tag.
 *
 * What is not 32 bytes goes the same way as 32 wrong ones, through the same comparison, so that nothing tells
 * the ways to fail apart. Precondition: the token names the root key's id and algorithm.
 *
 * @returns the data key, its receiver's to dispose; undefined if the token does not open
 * @throws KmsError as the HSM fails
 */
export const openToken = async (
  { rootKey, hsm }: RootKeyInHsm,
  token: ParsedToken,
  { random, askTwice }: OpenTokenOptions,
): Promise<SecretBytes | undefined> => {
  for (const isSecond of [false, true]) {
    using opened = await hsm.unwrapDataKey(rootKey, token.wrapped, { again: isSecond && askTwice })
    const dataKey = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => {
      if (opened.length === DATA_KEY_BYTES) bytes.set(opened.bytes)
      else random(bytes)
    })
    if (tagMatches(token, dataKey)) return dataKey
    dataKey[Symbol.dispose]()
    if (!askTwice && opened.length !== DATA_KEY_BYTES) break
  }
  return undefined
}
