import type { KeyDescription, KeyIdentity } from '../domain/private-key.ts'
import type { ActiveRootKey, ClaimedRootKey, RootKey } from '../domain/root-key.ts'
import type { StoreRecord } from '../domain/store-record.ts'

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
  /** Counts changes, from 1. */
  readonly version: number
  /** HMAC of every other column, 64 lower-case hexadecimal digits: shows that this service wrote the row. */
  readonly mac: string
}

/** The part of a row that a rewrap replaces. */
export type RowWrapping = Pick<PrivateKeyRow, 'encryptedDataKey' | 'provider' | 'rootKey' | 'version' | 'mac'>

export interface ListOptions {
  /** Rows after this identity; from the first where it is left out. It need not exist (any more). */
  readonly after?: KeyIdentity
  /** 1 to 1,000 rows. */
  readonly limit: number
}

export interface RootKeyCount {
  readonly rootKey: string
  readonly provider: string
  readonly rows: number
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
   * @throws KmsError `private_key_exists` if (tenant, source, pub) is stored, equal or not
   */
  insertPrivateKey(row: PrivateKeyRow): Promise<void>

  findPrivateKey(identity: KeyIdentity): Promise<PrivateKeyRow | undefined>

  /**
   * One tenant after the other in an order of the store's own, in each by source, then by the bytes of pub, so that a walk from cursor to cursor meets every row that was
   * there from its beginning to its end exactly once, whatever is inserted meanwhile.
   */
  listPrivateKeys(options: ListOptions): Promise<readonly PrivateKeyRow[]>

  /**
   * Compare and set: replaced only while the row still has all that is expected.
   *
   * @returns whether it was replaced
   */
  replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): Promise<boolean>

  /** The id of every root key that a row names, each once. */
  rootKeysInUse(): Promise<readonly string[]>

  /** How many rows each root key has; ordered by root key. Reads all rows: not for a request. */
  countByRootKey(): Promise<readonly RootKeyCount[]>

  findRootKey(id: string): Promise<RootKey | undefined>

  /** Ordered by when they were claimed. */
  listRootKeys(): Promise<readonly RootKey[]>

  /**
   * Claims the name for the root key of its provider and scope, unless these have a root key or a claim already.
   *
   * @returns what the store holds for provider and scope afterwards: this claim, or the one that came first
   * @throws Error if another provider or scope has that id
   */
  claimRootKey(claim: ClaimedRootKey): Promise<RootKey>

  /**
   * Compare and set: a new owner and lease for a claim, while it still has the expected owner and lease. Its
   * id and its place stay. Also how an owner makes its own lease longer.
   *
   * @returns what the store holds under that id afterwards: the caller compares
   * @throws Error if the id was never claimed
   */
  renewClaim(expected: ClaimedRootKey, next: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>): Promise<RootKey>

  /**
   * Turns the claim of that id into the active root key, whoever owns it; of several callers one decides.
   * `createdAt` becomes the one given.
   *
   * @returns what the store holds under that id afterwards: the caller compares
   * @throws Error if the id was never claimed
   */
  activateRootKey(rootKey: ActiveRootKey): Promise<RootKey>

  /** What makes it a store of this service; undefined before `createStore`. */
  findStore(): Promise<StoreRecord | undefined>

  /** The first one stays. @returns what the store holds afterwards: the caller compares */
  createStore(record: StoreRecord): Promise<StoreRecord>

  /** Compare and set, by the MAC. @returns whether it was replaced */
  replaceStore(expected: StoreRecord, next: StoreRecord): Promise<boolean>

  /** Asks the store for a sign of life that means a read and a write could succeed. */
  ping(): Promise<void>

  /** Lets what is under way finish, then closes. Idempotent. */
  close(): Promise<void>
}

/** The end of one instance's audit log, kept apart from it so that a cut is noticed. */
export interface AuditHead {
  /** Who wrote the log: 1 to 64 characters of A-Z, a-z, 0-9, `_` and `-`. */
  readonly instance: string
  /** Of the last record, counted from 1. */
  readonly sequence: number
  /** Of the last record, 64 lower-case hexadecimal digits. */
  readonly hash: string
  readonly savedAt: Date
}

/** A store that also keeps the audit log's heads. Every store of this repository does. */
export interface AuditHeadRepository {
  /** One head for each instance; one with a lower sequence than what is kept changes nothing. */
  saveAuditHead(head: AuditHead): Promise<void>

  /** Ordered by instance. */
  listAuditHeads(): Promise<readonly AuditHead[]>
}
