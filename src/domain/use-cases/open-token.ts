import type { FillRandom } from '../random.ts'
import type { RootKeyInHsm } from '../root-keys/root-keyring.ts'
import { SecretBytes } from '../secret-bytes.ts'
import { DATA_KEY_BYTES, type ParsedToken, tagMatches } from '../wrapped-data-key.ts'

/**
 * How often the HSM is asked for a row's data key, each time on another session, before the row counts as altered:
 * replies can be stray or damaged, and more than one of them.
 */
const ROW_ROUNDS = 3
/**
 * A client's token is asked for once more where the answer was a data key, and the wrong one. Whatever opens to
 * nothing is garbage, which must not cost more.
 */
const CLIENT_ROUNDS = 2

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
  random: FillRandom,
): Promise<SecretBytes | undefined> => {
  const isRow = token.purpose === 'row'
  for (let round = 0; round < (isRow ? ROW_ROUNDS : CLIENT_ROUNDS); round++) {
    using opened = await hsm.unwrapDataKey(rootKey, token.wrapped, { again: isRow && round > 0 })
    const dataKey = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => {
      if (opened.length === DATA_KEY_BYTES) bytes.set(opened.bytes)
      else random(bytes)
    })
    if (tagMatches(token, dataKey)) return dataKey
    dataKey[Symbol.dispose]()
    if (!isRow && opened.length !== DATA_KEY_BYTES) break
  }
  return undefined
}
