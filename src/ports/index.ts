/** `cofre/ports`: what a provider, a store or a cipher outside this repository is written against. */
export { KmsError, type KmsErrorCode, type KmsErrorOptions } from '../domain/errors.ts'
export type { KeyDescription, KeyIdentity, KeyName, Source } from '../domain/private-key.ts'
export type { Clock, FillRandom } from '../domain/random.ts'
export type {
  ActiveRootKey,
  ClaimedRootKey,
  RootKey,
  RootKeyReference,
  RootKeyScope,
  WrappingAlgorithm,
} from '../domain/root-key.ts'
export { SecretBytes } from '../domain/secret-bytes.ts'
export type { StoreRecord, WrappedIntegrityKey } from '../domain/store-record.ts'
export * from './audit-log.port.ts'
export * from './envelope-cipher.port.ts'
export * from './hsm.port.ts'
export * from './hsm-provider.port.ts'
export * from './key-repository.port.ts'
export * from './logger.port.ts'
