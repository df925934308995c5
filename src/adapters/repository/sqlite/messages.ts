import type { KmsErrorCode } from '../../../domain/errors.ts'
import type { KeyIdentity } from '../../../domain/private-key.ts'
import type {
  AuditHead,
  ListOptions,
  PrivateKeyRow,
  RowWrapping,
} from '../../../ports/key-repository.port.ts'

/** A row of `private_keys`; the database numbers it. Times are ISO 8601, UTC, to the millisecond. */
export interface PrivateKeyColumns extends Omit<PrivateKeyRow, 'createdAt'> {
  readonly createdAt: string
}

export interface ClaimColumns {
  readonly id: string
  readonly provider: string
  readonly scope: string
  readonly createdAt: string
  readonly owner: string
  readonly leaseUntil: string
  readonly place: string | null
}

export type Lease = Pick<ClaimColumns, 'owner' | 'leaseUntil'>

export interface ActivationColumns {
  readonly id: string
  readonly provider: string
  readonly createdAt: string
  readonly algorithm: string
  readonly publicKeySha256: string
  readonly mac: string
}

/** `integrityKeys` as JSON. */
export interface StoreColumns {
  readonly id: string
  readonly state: string
  readonly integrityKeys: string
  readonly createdAt: string
  readonly mac: string
}

export interface AuditHeadColumns extends Omit<AuditHead, 'savedAt'> {
  readonly savedAt: string
}

/** As it came out of the file: anybody may have written there. */
export type FoundRow = Readonly<Record<string, unknown>>

export interface Reads {
  findPrivateKey(identity: KeyIdentity): FoundRow | undefined
  listPrivateKeys(options: ListOptions): readonly FoundRow[]
  rootKeysInUse(): readonly FoundRow[]
  countByRootKey(): readonly FoundRow[]
  findRootKey(id: string): FoundRow | undefined
  listRootKeys(): readonly FoundRow[]
  listAuditHeads(): readonly FoundRow[]
  findStore(): FoundRow | undefined
}

/** Each is atomic alone, so that any of them may share a transaction. */
export interface Writes {
  insertPrivateKey(row: PrivateKeyColumns): void
  /** Whether it was replaced. */
  replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): boolean
  /** What provider and scope have afterwards; undefined if the id belongs to others. */
  claimRootKey(claim: ClaimColumns): FoundRow | undefined
  /** What stands under the id afterwards; undefined if it was never claimed. */
  renewClaim(id: string, expected: Lease, next: Lease): FoundRow | undefined
  /** What stands under the id afterwards; undefined if it was never claimed. */
  activateRootKey(rootKey: ActivationColumns): FoundRow | undefined
  saveAuditHead(head: AuditHeadColumns): void
  /** What is there afterwards. */
  createStore(record: StoreColumns): FoundRow | undefined
  /** Whether it was replaced. */
  replaceStore(expectedMac: string, next: StoreColumns): boolean
  /** Changes nothing, but has to be written and flushed. */
  ping(): void
}

export type Operations = Reads & Writes
export type OperationName = keyof Operations

export interface Request<K extends OperationName = OperationName> {
  readonly id: number
  readonly operation: K
  readonly input: Parameters<Operations[K]>
  /** In milliseconds of `monotonicMs`; later it is not begun any more. */
  readonly until: number
}

/** An error on its way between the threads: `internal` is a defect of this program, and no KmsError. */
export interface Failure {
  readonly code: KmsErrorCode | 'internal'
  readonly message?: string
  /** A text for the log, and SQLite's extended result code where it came from there. */
  readonly cause?: { readonly message: string; readonly errcode?: number }
}

export type Outcome = { readonly value: unknown } | { readonly failure: Failure }

export type ToWorker = Request | 'close'

export type FromWorker =
  | { readonly event: 'opened' }
  | { readonly event: 'refused'; readonly failure: Failure }
  | { readonly event: 'answer'; readonly id: number; readonly outcome: Outcome }

export interface WorkerOptions {
  readonly path: string
  /** Only the first start may: a file that is missing or empty later has lost its rows. */
  readonly mayCreate: boolean
}

/** One clock for all threads, which never jumps. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)
