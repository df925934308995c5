import type { PrivateKeyRow } from '../../ports/key-repository.port.ts'
import { encryptionContext } from '../encryption-context.ts'
import { KmsError } from '../errors.ts'
import { isAuthenticRow } from '../integrity/row-mac.ts'
import type { KeyOperations } from '../operations.ts'
import { checkIdentity, type KeyIdentity } from '../private-key.ts'
import { rowScope } from '../root-key.ts'
import type { SecretBytes } from '../secret-bytes.ts'
import { isBoundTo, type ParsedToken, parseToken, rowBinding, tagMatches } from '../wrapped-data-key.ts'
import type { UseCaseContext } from './context.ts'
import { openToken } from './open-token.ts'

/** Nothing is returned that the row's token, its context and its envelope do not all vouch for. */
export const getPrivateKey =
  (useCase: UseCaseContext): KeyOperations['getPrivateKey'] =>
  async ({ pub, source }, { caller }) => {
    const identity = { tenant: caller.tenant, pub, source }
    checkIdentity(identity)
    // Before the row is looked for: who may not have it is not told whether it is there.
    caller.authorize('getPrivateKey', identity)
    const row = await useCase.repository.findPrivateKey(identity)
    if (row === undefined) throw new KmsError('private_key_not_found')
    // Before anything of it is believed, and before the HSM is asked.
    if (!isAuthenticRow(useCase.keyring.integrity, row)) {
      throw failureOf(identity)('this service did not write it')
    }
    const { coin, type } = row
    const key = { ...identity, coin, type }
    caller.authorize('getPrivateKey', key)
    return { key, rootKeyId: row.rootKey, prv: await openRow(useCase, row, identity) }
  }

const failureOf =
  ({ tenant, pub, source }: KeyIdentity) =>
  (reason: string, cause?: unknown): KmsError =>
    new KmsError('integrity_failure', { subject: { tenant, pub, source, reason }, cause })

const openRow = async (
  { keyring, cipher, random }: UseCaseContext,
  row: PrivateKeyRow,
  identity: KeyIdentity,
): Promise<SecretBytes> => {
  const { tenant, pub, source } = identity
  const failure = failureOf(identity)
  const context = encryptionContext({ tenant, pub, source, coin: row.coin, type: row.type })
  const token = parseRowToken(row, context)
  if (token === undefined || !tagMatches(token, keyring.integrity)) {
    throw failure('its token is not that of this row')
  }
  const found = await keyring.find(token.rootKeyId, rowScope(source))
  if (found === undefined) throw failure('its root key is unknown')
  const { algorithm, provider } = found.rootKey
  if (token.algorithm !== algorithm || row.provider !== provider) {
    throw failure('it disagrees with its root key')
  }
  using dataKey = await openToken(found, token, random)
  if (dataKey === undefined) throw failure('its data key does not open')
  try {
    return await cipher.decrypt(row.encryptedPrv, dataKey, context)
  } catch (error) {
    throw KmsError.is(error, 'integrity_failure') ? failure('its envelope does not open', error) : error
  }
}

const parseRowToken = (row: PrivateKeyRow, context: Uint8Array): ParsedToken | undefined => {
  const token = parseToken(row.encryptedDataKey)
  const isOfThisRow =
    token?.purpose === 'row' && token.rootKeyId === row.rootKey && isBoundTo(token, [rowBinding(context)])
  return isOfThisRow ? token : undefined
}
