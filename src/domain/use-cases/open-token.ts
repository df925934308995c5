import type { HsmPort } from '../../ports/hsm.port.ts'
import type { FillRandom } from '../random.ts'
import type { RootKeyReference } from '../root-key.ts'
import { SecretBytes } from '../secret-bytes.ts'
import { checkMatches, DATA_KEY_BYTES, type ParsedToken } from '../wrapped-data-key.ts'

/**
 * How often the HSM is asked for what stands in the store, each time on another session, before it counts as altered:
 * replies can be stray or damaged, and more than one of them.
 */
const OWN_ROUNDS = 3
/**
 * A client's token is asked for once more where the answer was a data key, and the wrong one. Its tag was right; all
 * the same every way to fail costs alike, so that no tag that leaks makes an oracle.
 */
const CLIENT_ROUNDS = 2

/**
 * Has the HSM unwrap the token's data key, and checks it.
 *
 * What is not 32 bytes goes the same way as 32 wrong ones, through the same comparison, so that nothing tells
 * the ways to fail apart. Precondition: the token names the root key's id and algorithm, and its tag is right.
 *
 * @returns the data key, its receiver's to dispose; undefined if the token does not open
 * @throws KmsError as the HSM fails
 */
export const openToken = async (
  { rootKey, hsm }: { readonly rootKey: RootKeyReference; readonly hsm: HsmPort },
  token: ParsedToken,
  random: FillRandom,
): Promise<SecretBytes | undefined> => {
  const isOwn = token.purpose !== 'client'
  for (let round = 0; round < (isOwn ? OWN_ROUNDS : CLIENT_ROUNDS); round++) {
    using opened = await hsm.unwrapDataKey(rootKey, token.wrapped, { again: isOwn && round > 0 })
    const dataKey = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => {
      if (opened.length === DATA_KEY_BYTES) bytes.set(opened.bytes)
      else random(bytes)
    })
    if (checkMatches(token, dataKey)) return dataKey
    dataKey[Symbol.dispose]()
    if (!isOwn && opened.length !== DATA_KEY_BYTES) break
  }
  return undefined
}
