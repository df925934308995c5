import { type Static, Type } from '@sinclair/typebox'
import { OPERATIONS } from './protocol.ts'

const closed = { additionalProperties: false } as const
const Milliseconds = Type.Integer({ minimum: 0, maximum: 600_000 })
const Bytes = Type.Integer({ minimum: 0, maximum: 1_048_576 })
const Word = Type.Integer({ minimum: 0, maximum: 0xffffffff })
const fault = <const Kind extends string>(kind: Kind) => Type.Object({ kind: Type.Literal(kind) }, closed)

/**
 * What can go wrong with one outgoing message. Except for `error` at the stage `request`, the operation has
 * been carried out by then.
 */
export const FaultSchema = Type.Union([
  /** Never sent; the connection stays open. */
  fault('silent'),
  /** TCP end without a TLS close_notify, instead of the message. */
  fault('fin'),
  /** TCP reset instead of the message. */
  fault('rst'),
  /** TLS close_notify, then the TCP end, instead of the message. */
  fault('close-notify'),
  /** Sent as two records cut at `at`; the second follows `delayMs` later (default 0; 20 in plain TCP). */
  Type.Object({ kind: Type.Literal('split'), at: Bytes, delayMs: Type.Optional(Milliseconds) }, closed),
  /** An OK frame nobody asked for, in the same record, behind the message. */
  fault('merge'),
  /** An OK frame nobody asked for, in the next record. */
  fault('surplus'),
  /** An OK frame nobody asked for, `afterMs` after the message (default 20). */
  Type.Object({ kind: Type.Literal('unsolicited'), afterMs: Type.Optional(Milliseconds) }, closed),
  /** Only the first `bytes` are ever sent. */
  Type.Object({ kind: Type.Literal('short'), bytes: Bytes }, closed),
  /** `bytes` more of payload, honestly counted in the header. */
  Type.Object({ kind: Type.Literal('oversize'), bytes: Bytes }, closed),
  /** Another id in the header (default 12345678). */
  Type.Object({ kind: Type.Literal('unknown-id'), id: Type.Optional(Word) }, closed),
  /** `length` in the header's second word, whatever the payload. */
  Type.Object({ kind: Type.Literal('lying-length'), length: Word }, closed),
  /** Sent `ms` late; what the client sends meanwhile waits its turn. */
  Type.Object({ kind: Type.Literal('late'), ms: Milliseconds }, closed),
  /** Every payload byte inverted: a key of the right size that is not the key. */
  fault('wrong-key'),
  /** An error reply with this code instead. */
  Type.Object(
    { kind: Type.Literal('error'), code: Type.Integer({ minimum: 1, maximum: 0x7fffffff }) },
    closed,
  ),
])
export type Fault = Static<typeof FaultSchema>

/**
 * `ack`, `challenge`, `verdict` and `reply` are the messages in the order of a connection's life. `tls` comes
 * before the handshake, `request` before a request is carried out; there, only the faults that need no message
 * mean anything: silent, fin, rst, close-notify, late and error.
 */
export const STAGES = ['ack', 'tls', 'challenge', 'verdict', 'request', 'reply'] as const
export type Stage = (typeof STAGES)[number]

const StageSchema = Type.Union(STAGES.map((stage) => Type.Literal(stage)))
const OperationSchema = Type.Union(OPERATIONS.map((operation) => Type.Literal(operation)))

/** A stage, an operation (its reply), or every message with all of the given properties. */
export const FaultTargetSchema = Type.Union([
  StageSchema,
  OperationSchema,
  Type.Object(
    {
      stage: Type.Optional(StageSchema),
      operation: Type.Optional(OperationSchema),
      key: Type.Optional(Type.String()),
    },
    closed,
  ),
])
export type FaultTarget = Static<typeof FaultTargetSchema>

/** What is about to be sent. */
export interface Message {
  readonly stage: Stage
  /** Of requests and replies. */
  readonly operation?: (typeof OPERATIONS)[number] | undefined
  /** The name of the key a request is about, without its user, where it is a valid name. */
  readonly key?: string | undefined
}

/** Asked once for every message; `undefined` lets it through. */
export interface FaultSource {
  pick(message: Message): Fault | undefined
}
