import type { KeyDescription, KeyIdentity } from '../domain/private-key.ts'
import type { ActiveRootKey, ClaimedRootKey, RootKey } from '../domain/root-key.ts'

/** A stored private key: nothing in it is secret without the HSM. */
export interface PrivateKeyRow extends KeyDescription {
  /** The envelope. */
  readonly encryptedPrv: string
  /** The wrapped data key's token. */
  readonly encryptedDataKey: string
  readonly provider: string
  /** The root key's id. */
  readonly rootKey: string
  readonly createdAt: Date
}

/**
 * What is stored. A promise that resolves is a promise kept: the change is on disk.
 *
 * @throws KmsError `store_unavailable` where the store does not answer in time, `store_busy` where too much waits
 */
export interface KeyRepositoryPort {
  /**
   * The only arbiter of duplicates: nothing is looked up before.
   *
   * @throws KmsError `private_key_exists` if (pub, source) is stored, equal or not
   */
  insertPrivateKey(row: PrivateKeyRow): Promise<void>

  findPrivateKey(identity: KeyIdentity): Promise<PrivateKeyRow | undefined>

  /** The id of every root key that a row names, each once. */
  rootKeysInUse(): Promise<readonly string[]>

  findRootKey(id: string): Promise<RootKey | undefined>

  listRootKeys(): Promise<readonly RootKey[]>

  /**
   * Claims the name for its provider's root key, unless the provider has a root key or a claim already.
   *
   * @returns what the store holds for the provider afterwards: this claim, or the one that came first
   */
  claimRootKey(claim: ClaimedRootKey): Promise<RootKey>

  /**
   * Turns the claim of that id into the active root key; of several callers one decides.
   *
   * @returns what the store holds under that id afterwards: the caller compares
   * @throws Error if the id was never claimed
   */
  activateRootKey(rootKey: ActiveRootKey): Promise<RootKey>

  /** Lets what is under way finish, then closes. */
  close(): Promise<void>
}
