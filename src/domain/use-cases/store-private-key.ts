import { encryptionContext } from '../encryption-context.ts'
import type { KeyOperations } from '../operations.ts'
import { checkDescription } from '../private-key.ts'
import { rowBinding } from '../wrapped-data-key.ts'
import type { UseCaseContext } from './context.ts'
import { newDataKey, sha256Hex, wrapDataKey } from './wrap-data-key.ts'

/** A data key of its own for every private key; the insert alone decides about duplicates. */
export const storePrivateKey =
  ({ keyring, cipher, repository, clock }: UseCaseContext): KeyOperations['storePrivateKey'] =>
  async ({ pub, source, coin, type, prv }, { caller }) => {
    const key = { pub, source, coin, type }
    checkDescription(key)
    caller.authorize('storePrivateKey', key)
    const { current } = keyring
    const context = encryptionContext(key)
    using dataKey = await newDataKey(current)
    const encryptedDataKey = wrapDataKey(current, dataKey, 'row', rowBinding(context))
    const encryptedPrv = await cipher.encrypt(prv, dataKey, context)
    const { id: rootKey, provider } = current.rootKey
    await repository.insertPrivateKey({
      ...key,
      encryptedPrv,
      encryptedDataKey,
      provider,
      rootKey,
      createdAt: clock(),
    })
    return {
      key,
      rootKeyId: rootKey,
      envelopeSha256: sha256Hex(encryptedPrv),
      tokenSha256: sha256Hex(encryptedDataKey),
    }
  }
