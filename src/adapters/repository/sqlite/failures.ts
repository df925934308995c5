import { KmsError } from '../../../domain/errors.ts'
import type { Failure } from './messages.ts'

/** Result codes of SQLite; the low byte of an extended code is the primary one. */
const PRIMARY = 0xff
const BUSY = 5
const READ_ONLY = 8
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const CONSTRAINT = 19
const NOT_A_DATABASE = 26
const CONSTRAINT_UNIQUE = 2067

interface SqliteError extends Error {
  /** Extended result code. */
  readonly errcode: number
  readonly errstr: string
}

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'

const isPrimary = (error: unknown, ...codes: readonly number[]): error is SqliteError =>
  isSqliteError(error) && codes.includes(error.errcode & PRIMARY)

/** A lock is held elsewhere: nothing was done, and trying again is safe. */
export const isBusy = (error: unknown): boolean => isPrimary(error, BUSY)

/** One statement was refused; its transaction goes on. */
export const isConstraint = (error: unknown): boolean => isPrimary(error, CONSTRAINT)

export const isNotADatabase = (error: unknown): boolean => isPrimary(error, NOT_A_DATABASE)

/** What to look at, for whoever reads the log: SQLite's own texts say little. */
const HINTS: Readonly<Record<number, string>> = {
  [BUSY]: 'another process keeps the database locked',
  [READ_ONLY]: 'the database file cannot be written',
  [IO_ERROR]: 'a file of the database cannot be read, written or made larger',
  [FULL]: 'the disk is full',
  [CANNOT_OPEN]: 'a file of the database cannot be opened',
}

const explained = ({ errcode, errstr, message }: SqliteError): string =>
  [HINTS[errcode & PRIMARY], `SQLite ${errcode}: ${message || errstr}`].filter(Boolean).join('; ')

/** Any error as what may cross the threads. Messages of SQLite name columns, never values. */
export const failureOf = (error: unknown): Failure => {
  if (KmsError.is(error)) return { code: error.code, message: error.message }
  if (!isSqliteError(error)) return { code: 'internal', message: String(error) }
  const { errcode, message } = error
  const cause = { errcode, message: explained(error) }
  if (errcode === CONSTRAINT_UNIQUE) return { code: 'private_key_exists', cause }
  if (isConstraint(error)) return { code: 'internal', message, cause }
  if (isPrimary(error, CORRUPT, NOT_A_DATABASE)) {
    return { code: 'integrity_failure', message: 'The database file is damaged.', cause }
  }
  return { code: 'store_unavailable', cause }
}

/** The error that a caller gets. */
export const errorOf = ({ code, message, cause }: Failure): Error => {
  const because = cause && Object.assign(new Error(cause.message), cause)
  return code === 'internal'
    ? new Error(message, { cause: because })
    : new KmsError(code, { ...(message === undefined ? {} : { message }), cause: because })
}

export const unavailable = (cause: unknown): KmsError => new KmsError('store_unavailable', { cause })
