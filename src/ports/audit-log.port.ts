import type { OperationName } from '../domain/caller.ts'
import type { KmsErrorCode } from '../domain/errors.ts'
import type { KeyIdentity } from '../domain/private-key.ts'
import type { ClientCertificate } from '../domain/request-context.ts'

/** How an operation ended. */
export type AuditOutcome = 'ok' | KmsErrorCode | 'internal_error'

/** What is recorded of one operation; the adapter adds the time. Never key material. */
export interface AuditEntry {
  readonly requestId: string
  /** The peer's IP address. */
  readonly address: string
  readonly client?: ClientCertificate
  /** The client's name in the policy; empty where there is no policy. */
  readonly owner: string
  readonly operation: OperationName
  /** `intent`: before a row is written. `outcome`: before the answer is sent. */
  readonly phase: 'intent' | 'outcome'
  /** Whether the policy let it pass; absent where it was refused before the policy was asked. */
  readonly allowed?: boolean
  /** Absent in an intent. */
  readonly outcome?: AuditOutcome
  /** Of the operations on private keys, where it is well-formed. */
  readonly identity?: KeyIdentity
  readonly rootKeyId?: string
  /** SHA-256 of a stored private key's envelope and token, lower-case hex. */
  readonly envelopeSha256?: string
  readonly tokenSha256?: string
}

/** A request that was refused before anyone knew who asks, or because the client asks too much. */
export interface Refusal {
  /** One of a few fixed words, such as `unauthenticated` or `rate_limited`. */
  readonly reason: string
  /** The peer's IP address. */
  readonly address: string
}

/** The record of who did what. It fails closed: no record, no answer. */
export interface AuditLogPort {
  /**
   * Resolves when the record is on disk.
   *
   * @throws KmsError `audit_unavailable` where it can't be within the deadline
   */
  record(entry: AuditEntry): Promise<void>

  /** Counts; once a minute one record tells the counts. Never waits, never fails. */
  countRefusal(refusal: Refusal): void

  /** Writes what waits, within the deadline, and lets the file go. Idempotent. */
  close(): Promise<void>
}
