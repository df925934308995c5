import {
  BSON,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb'
import { KmsError } from '../../../domain/errors.ts'

const DUPLICATE_KEY = 11000

/** Unauthorized, AuthenticationFailed. */
const REFUSED_CREDENTIALS = new Set<unknown>([13, 18])

/** The server is not primary (any more), shuts down or has lost its peers: the codes of the driver's own retries. */
const PASSING = new Set<unknown>([6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436])

/** Not exported by the driver. */
const WAIT_QUEUE_TIMEOUT = 'MongoWaitQueueTimeoutError'

/** Of the system or of a stream: the driver lets some of a broken connection through as they are. */
const SYSTEM_CODE = /^(E[A-Z0-9]+|ERR_STREAM_[A-Z_]+)$/

const MAX_CAUSE_LENGTH = 300

export const isDuplicateKey = (error: unknown): boolean =>
  error instanceof MongoServerError &&
  !(error instanceof MongoWriteConcernError) &&
  error.code === DUPLICATE_KEY

export const isRefusedCredentials = (error: unknown): boolean =>
  error instanceof MongoServerError && REFUSED_CREDENTIALS.has(error.code)

export const isSystemError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && SYSTEM_CODE.test(String(error.code))

/** Another attempt may go better. Whether this one changed anything is not known. */
export const isPassing = (error: unknown): boolean =>
  isSystemError(error) ||
  error instanceof MongoNetworkError ||
  error instanceof MongoServerSelectionError ||
  error instanceof MongoWriteConcernError ||
  (error instanceof MongoServerError && PASSING.has(error.code)) ||
  (error instanceof MongoError && error.name === WAIT_QUEUE_TIMEOUT)

/** What is worth logging of an error of the driver's, which holds the whole topology and the server's answer. */
export const causeOf = (error: unknown): Error => {
  const { name, message, code } = error as Error & { readonly code?: unknown }
  return Object.assign(new Error(`${name}: ${message}`.slice(0, MAX_CAUSE_LENGTH)), { code })
}

/** Any error as what a caller gets: only what neither driver nor server can be blamed for stays as it is. */
export const errorOf = (error: unknown): unknown => {
  if (error instanceof MongoError || isSystemError(error))
    return new KmsError('store_unavailable', { cause: causeOf(error) })
  if (error instanceof BSON.BSONError) return new KmsError('integrity_failure', { cause: causeOf(error) })
  return error
}
