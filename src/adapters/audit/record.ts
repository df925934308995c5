import { hash } from 'node:crypto'
import type { AuditEntry } from '../../ports/audit-log.port.ts'

export const AUDIT_FORMAT = 'cofre/audit/v1'

/** A place in the chain: a record's number, counted from 1, and the SHA-256 of its line, lower-case hex. */
export interface Position {
  readonly sequence: number
  readonly hash: string
}

/** Before the first record. */
export const GENESIS: Position = { sequence: 0, hash: '0'.repeat(64) }

export interface RefusalCount {
  readonly reason: string
  /** `other` for those past the bound. */
  readonly address: string
  readonly count: number
}

/** What a record says beside its number, the hash before it and its time. */
export type RecordBody =
  /** A process has opened the log. `instance` is the log's own name, of the process that began it. */
  | {
      readonly kind: 'opened'
      readonly format: typeof AUDIT_FORMAT
      readonly instance: string
      readonly process: string
      readonly publicKeySha256: string
    }
  /** What the process that opened the log was told to do without, on purpose: once for each start. */
  | { readonly kind: 'configuration'; readonly variable: string; readonly value: string }
  /** The first record of a file that follows another one. */
  | { readonly kind: 'continued'; readonly instance: string; readonly file: string }
  /** What stood behind the last checkpoint when the log was opened: never acknowledged, and no longer in it. */
  | {
      readonly kind: 'recovered'
      readonly bytes: number
      readonly sha256: string
      /** The beginning of it, base64. */
      readonly head: string
    }
  | ({ readonly kind: 'operation' } & AuditEntry)
  | { readonly kind: 'refusals'; readonly since: string; readonly counts: readonly RefusalCount[] }
  /** Operations that were refused because their records could not be written, since a time. */
  | { readonly kind: 'gap'; readonly since: string; readonly refused: number }
  /** Records that came on disk after their deadline: their operations were refused, whatever they say. */
  | { readonly kind: 'late'; readonly sequences: readonly number[] }

/** How a line begins; the order of these members is part of the format. */
export interface RecordStart {
  readonly seq: number
  readonly prev: string
  readonly time: string
  readonly kind: string
}

export const sha256 = (bytes: string | Uint8Array): string => hash('sha256', bytes, 'hex')

/** Every line begins so: what does not is no audit log and is left alone. */
export const LINE_START = '{"seq":'

export const startOf = ({ sequence, hash }: Position, time: Date, kind: string): RecordStart => ({
  seq: sequence + 1,
  prev: hash,
  time: time.toISOString(),
  kind,
})

const MAX_TEXT = 512

const clip = (text: string): string => (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`)

/** Bounds the texts that a stranger chooses; a pub has its own bound. */
export const operationBody = (entry: AuditEntry): RecordBody => ({
  kind: 'operation',
  ...entry,
  requestId: clip(entry.requestId),
  address: clip(entry.address),
  ...(entry.client === undefined
    ? {}
    : { client: { fingerprint: clip(entry.client.fingerprint), subject: clip(entry.client.subject) } }),
})
