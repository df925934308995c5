import { KmsError } from '../../../domain/errors.ts'
import type { Found } from './documents.ts'

export const SHA_256 = /^[0-9a-f]{64}$/

/** Why a document cannot be what was written: for the log, with the field and never with the value. */
class NonsenseField extends Error {}

export const check = (holds: boolean, field: string): void => {
  if (!holds) throw new NonsenseField(`field ${field} holds what was never written there`)
}

export const text = (found: Found, field: string, pattern = /^/): string => {
  const value = found[field]
  check(typeof value === 'string' && pattern.test(value), field)
  return value as string
}

export const date = (found: Found, field: string): Date => {
  const value = found[field]
  check(value instanceof Date && !Number.isNaN(value.getTime()), field)
  return value as Date
}

export const count = (found: Found, field: string): number => {
  const value = found[field]
  check(Number.isSafeInteger(value) && (value as number) >= 0, field)
  return value as number
}

/**
 * Anybody may have written to the database: what could not have come from here is one error, whatever it is.
 *
 * @param subject the fields that say in the log which document it is
 * @throws KmsError `integrity_failure`
 */
export const reading =
  <T>(subject: readonly string[], read: (found: Found) => T) =>
  (found: object): T => {
    const fields = found as Found
    try {
      return read(fields)
    } catch (cause) {
      if (!(cause instanceof NonsenseField) && !KmsError.is(cause, 'validation_failed')) throw cause
      const named = subject.flatMap((field) => {
        const value = fields[field]
        return typeof value === 'string' ? [[field, value] as const] : []
      })
      throw new KmsError('integrity_failure', { subject: Object.fromEntries(named), cause })
    }
  }
