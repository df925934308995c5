import { randomBytes } from 'node:crypto'
import { KmsError } from '../../../src/domain/errors.ts'
import type { KeyOperations } from '../../../src/domain/operations.ts'
import {
  checkDescription,
  checkName,
  checkPrivateKey,
  type KeyDescription,
} from '../../../src/domain/private-key.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'

const ROOT_KEY = 'a'.repeat(32)

/** The four operations, kept in memory and not encrypted, with the domain's own checks. */
export const memoryOperations = (overrides: Partial<KeyOperations> = {}): KeyOperations => {
  const keys = new Map<string, { key: KeyDescription; prv: Buffer }>()
  const dataKeys = new Map<string, Buffer>()
  const nameOf = ({ pub, source }: { pub: string; source: string }): string => `${source}:${pub}`

  return {
    storePrivateKey: async ({ prv, pub, source, coin, type }, { caller }) => {
      const key = { tenant: caller.tenant, pub, source, coin, type }
      checkDescription(key)
      checkPrivateKey(prv)
      caller.authorize('storePrivateKey', key)
      if (keys.has(nameOf(key))) throw new KmsError('private_key_exists')
      keys.set(nameOf(key), { key, prv: Buffer.from(prv.bytes) })
      return { key, rootKeyId: ROOT_KEY, envelopeSha256: '', tokenSha256: '' }
    },
    getPrivateKey: async (identity) => {
      checkName(identity)
      const found = keys.get(nameOf(identity))
      if (found === undefined) throw new KmsError('private_key_not_found')
      return { key: found.key, rootKeyId: ROOT_KEY, prv: SecretBytes.copyOf(found.prv) }
    },
    generateDataKey: async ({ keyType }) => {
      if (keyType !== 'AES-256') throw new KmsError('key_type_unsupported')
      const key = randomBytes(32)
      const encryptedKey = `token-${dataKeys.size}`
      dataKeys.set(encryptedKey, key)
      return { plaintextKey: SecretBytes.copyOf(key), encryptedKey, rootKeyId: ROOT_KEY }
    },
    decryptDataKey: async ({ encryptedKey }) => {
      const key = dataKeys.get(encryptedKey)
      if (key === undefined) throw new KmsError('encrypted_key_invalid')
      return { plaintextKey: SecretBytes.copyOf(key), rootKeyId: ROOT_KEY }
    },
    ...overrides,
  }
}
