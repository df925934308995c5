import { encryptionContext } from '../encryption-context.ts'
import { authenticatedRow } from '../integrity/row-mac.ts'
import type { KeyOperations } from '../operations.ts'
import { checkDescription, checkPrivateKey } from '../private-key.ts'
import { rowScope } from '../root-key.ts'
import { rowBinding } from '../wrapped-data-key.ts'
import type { UseCaseContext } from './context.ts'
import { newDataKey, sha256Hex, wrapDataKey } from './wrap-data-key.ts'

/** A data key of its own for every private key; the insert alone decides about duplicates. */
export const storePrivateKey =
  ({ keyring, cipher, repository, clock }: UseCaseContext): KeyOperations['storePrivateKey'] =>
  async ({ pub, source, coin, type, prv }, { caller }) => {
    const key = { tenant: caller.tenant, pub, source, coin, type }
    checkDescription(key)
    checkPrivateKey(prv)
    caller.authorize('storePrivateKey', key)
    const { integrity } = keyring
    const current = keyring.wrapping(rowScope(source))
    const context = encryptionContext(key)
    using dataKey = await newDataKey(current)
    const encryptedDataKey = wrapDataKey(
      current,
      dataKey,
      { purpose: 'row', binding: rowBinding(context) },
      integrity,
    )
    const encryptedPrv = await cipher.encrypt(prv, dataKey, context)
    const { id: rootKey, provider } = current.rootKey
    const row = { ...key, encryptedPrv, encryptedDataKey, provider, rootKey, createdAt: clock(), version: 1 }
    await repository.insertPrivateKey(authenticatedRow(integrity, row))
    return {
      key,
      rootKeyId: rootKey,
      envelopeSha256: sha256Hex(encryptedPrv),
      tokenSha256: sha256Hex(encryptedDataKey),
    }
  }
