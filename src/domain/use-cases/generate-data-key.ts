import { KmsError } from '../errors.ts'
import type { KeyOperations } from '../operations.ts'
import { clientBinding } from '../wrapped-data-key.ts'
import type { UseCaseContext } from './context.ts'
import { newDataKey, wrapDataKey } from './wrap-data-key.ts'

const KEY_TYPE = 'AES-256'

/** A data key for the caller's own use, bound to its owner. */
export const generateDataKey =
  ({ keyring }: UseCaseContext): KeyOperations['generateDataKey'] =>
  async ({ keyType }, { caller }) => {
    if (keyType !== KEY_TYPE) throw new KmsError('key_type_unsupported')
    caller.authorize('generateDataKey')
    const { integrity } = keyring
    const current = keyring.wrapping('client')
    const plaintextKey = await newDataKey(current)
    try {
      const bound = { purpose: 'client', binding: clientBinding(caller.tenant, caller.owner) } as const
      const encryptedKey = wrapDataKey(current, plaintextKey, bound, integrity)
      return { plaintextKey, encryptedKey, rootKeyId: current.rootKey.id }
    } catch (error) {
      plaintextKey[Symbol.dispose]()
      throw error
    }
  }
