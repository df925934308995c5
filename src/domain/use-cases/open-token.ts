import type { HsmPort } from '../../ports/hsm.port.ts'
import type { FillRandom } from '../random.ts'
import type { RootKeyReference } from '../root-key.ts'
import { SecretBytes } from '../secret-bytes.ts'
import { checkMatches, DATA_KEY_BYTES, type ParsedToken } from '../wrapped-data-key.ts'

/**
 * How often the HSM is asked for a data key, each time on another session, before the token counts as altered:
 * replies can be stray or damaged, and more than one of them.
 */
const ROUNDS = 3

/**
 * Has the HSM unwrap the token's data key, and checks it.
 *
 * What is not 32 bytes goes the same way as 32 wrong ones, through the same comparison, so that nothing tells
 * the ways to fail apart. Precondition: the token names the root key's id and algorithm, and its tag was found right: this service
 * made it, so that whatever does not open is worth asking again.
 *
 * @returns the data key, its receiver's to dispose; undefined if the token does not open
 * @throws KmsError as the HSM fails
 */
export const openToken = async (
  { rootKey, hsm }: { readonly rootKey: RootKeyReference; readonly hsm: HsmPort },
  token: ParsedToken,
  random: FillRandom,
): Promise<SecretBytes | undefined> => {
  for (let round = 0; round < ROUNDS; round++) {
    using opened = await hsm.unwrapDataKey(rootKey, token.wrapped, { again: round > 0 })
    const dataKey = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => {
      if (opened.length === DATA_KEY_BYTES) bytes.set(opened.bytes)
      else random(bytes)
    })
    if (checkMatches(token, dataKey)) return dataKey
    dataKey[Symbol.dispose]()
  }
  return undefined
}
