import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** What verifying and reading need of a record; the rest of it is covered by its hash. */
export const StoredRecordSchema = Type.Object({
  seq: Type.Integer({ minimum: 1 }),
  prev: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  time: Type.String(),
  kind: Type.String(),
  instance: Type.Optional(Type.String()),
  phase: Type.Optional(Type.String()),
  requestId: Type.Optional(Type.String()),
  operation: Type.Optional(Type.String()),
  outcome: Type.Optional(Type.String()),
  identity: Type.Optional(Type.Object({ tenant: Type.String(), pub: Type.String(), source: Type.String() })),
})

export type StoredRecord = Static<typeof StoredRecordSchema>

/** @returns undefined for a line that is no record */
export const parseRecord = (line: string): StoredRecord | undefined => {
  try {
    const value: unknown = JSON.parse(line)
    return Value.Check(StoredRecordSchema, value) ? value : undefined
  } catch {
    return undefined
  }
}
