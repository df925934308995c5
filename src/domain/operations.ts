import type { KeyDescription, KeyName } from './private-key.ts'
import type { RequestContext } from './request-context.ts'
import type { SecretBytes } from './secret-bytes.ts'

export interface StorePrivateKeyInput extends Omit<KeyDescription, 'tenant'> {
  /** UTF-8 of the private key. The caller stays its owner and disposes of it. */
  readonly prv: SecretBytes
}

export interface StoredPrivateKey {
  readonly key: KeyDescription
  readonly rootKeyId: string
  /** SHA-256 of the envelope and of the token as stored, lower-case hex: what the audit log records. */
  readonly envelopeSha256: string
  readonly tokenSha256: string
}

/** The receiver disposes of `prv`. */
export interface RetrievedPrivateKey {
  readonly key: KeyDescription
  readonly rootKeyId: string
  readonly prv: SecretBytes
}

/** The receiver disposes of `plaintextKey`: 32 raw bytes. */
export interface GeneratedDataKey {
  readonly plaintextKey: SecretBytes
  readonly encryptedKey: string
  readonly rootKeyId: string
}

/** The receiver disposes of `plaintextKey`: 32 raw bytes. */
export interface OpenedDataKey {
  readonly plaintextKey: SecretBytes
  readonly rootKeyId: string
}

/** What the service does. Every method checks its input and asks the caller's leave itself. */
export interface KeyOperations {
  /** @throws KmsError `validation_failed`, `forbidden`, `private_key_exists`, or as HSM and store fail */
  storePrivateKey(input: StorePrivateKeyInput, request: RequestContext): Promise<StoredPrivateKey>

  /** @throws KmsError `validation_failed`, `forbidden`, `private_key_not_found`, `integrity_failure`, ... */
  getPrivateKey(name: KeyName, request: RequestContext): Promise<RetrievedPrivateKey>

  /** @throws KmsError `key_type_unsupported`, `forbidden`, or as the HSM fails */
  generateDataKey(input: { readonly keyType: string }, request: RequestContext): Promise<GeneratedDataKey>

  /** @throws KmsError `encrypted_key_invalid`, `root_key_not_found`, `forbidden`, or as the HSM fails */
  decryptDataKey(input: { readonly encryptedKey: string }, request: RequestContext): Promise<OpenedDataKey>
}
