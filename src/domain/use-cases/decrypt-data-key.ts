import { KmsError } from '../errors.ts'
import type { KeyOperations } from '../operations.ts'
import { clientBinding, isBoundTo, parseToken, tagMatches, tokenRefused } from '../wrapped-data-key.ts'
import type { UseCaseContext } from './context.ts'
import { openToken } from './open-token.ts'

/**
 * Opens what `generateDataKey` gave, for its owner and those it shares with. A row's token is refused like any
 * other text, and what this store's service did not make is never sent to an HSM.
 */
export const decryptDataKey =
  ({ keyring, random }: UseCaseContext): KeyOperations['decryptDataKey'] =>
  async ({ encryptedKey }, { caller }) => {
    caller.authorize('decryptDataKey')
    const token = parseToken(encryptedKey)
    if (token === undefined || !tagMatches(token, keyring.integrity)) throw tokenRefused()
    if (token.purpose !== 'client') throw tokenRefused()
    const found = await keyring.find(token.rootKeyId, 'client')
    if (found === undefined) throw new KmsError('root_key_not_found')
    const { algorithm, id } = found.rootKey
    const owners = caller.opensDataKeysOf.map((owner) => clientBinding(caller.tenant, owner))
    if (token.algorithm !== algorithm || !isBoundTo(token, owners)) throw tokenRefused()
    const plaintextKey = await openToken(found, token, random)
    if (plaintextKey === undefined) throw tokenRefused()
    return { plaintextKey, rootKeyId: id }
  }
