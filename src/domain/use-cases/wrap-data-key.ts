import { hash } from 'node:crypto'
import { KmsError } from '../errors.ts'
import type { IntegrityKey } from '../integrity/integrity-key.ts'
import type { WrappingRootKey } from '../root-keys/root-keyring.ts'
import type { SecretBytes } from '../secret-bytes.ts'
import { DATA_KEY_BYTES, sealToken, type TokenPurpose } from '../wrapped-data-key.ts'
import { wrap } from '../wrapping.ts'

/** The part of a root key that wrapping needs; its public half came from the HSM. */
export interface WrapsWith {
  readonly rootKey: Pick<WrappingRootKey['rootKey'], 'id' | 'algorithm'>
  readonly publicKey: WrappingRootKey['publicKey']
}

/** A data key of the HSM's. @throws KmsError `hsm_unavailable` for anything but 32 bytes, or as the HSM fails */
export const newDataKey = async ({ hsm }: Pick<WrappingRootKey, 'hsm'>): Promise<SecretBytes> => {
  const dataKey = await hsm.generateDataKey()
  if (dataKey.length === DATA_KEY_BYTES) return dataKey
  dataKey[Symbol.dispose]()
  throw new KmsError('hsm_unavailable', { cause: new Error('the HSM gave a data key of another length') })
}

/** The token of a data key under a root key. @param binding 32 bytes */
export const wrapDataKey = (
  { rootKey, publicKey }: WrapsWith,
  dataKey: SecretBytes,
  { purpose, binding }: { readonly purpose: TokenPurpose; readonly binding: Buffer },
  integrity: Pick<IntegrityKey, 'tokens'>,
): string => {
  const { id, algorithm } = rootKey
  const wrapped = wrap(publicKey, algorithm, dataKey)
  return sealToken({ purpose, rootKeyId: id, algorithm, binding, wrapped }, dataKey, integrity)
}

export const sha256Hex = (text: string): string => hash('sha256', text, 'hex')
