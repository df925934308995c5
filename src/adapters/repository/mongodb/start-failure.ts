import { MongoError } from 'mongodb'
import { KmsError } from '../../../domain/errors.ts'
import { causeOf, isRefusedCredentials, isSystemError } from './failures.ts'

const refused = (message: string, cause: unknown): KmsError =>
  new KmsError('start_refused', { message, cause: causeOf(cause) })

const unreachable = (cause: unknown): KmsError =>
  new KmsError('store_unavailable', {
    message: 'The store that DATABASE_URL names did not answer.',
    cause: causeOf(cause),
  })

/** What opening failed with, as what the operator can do about it. The URL itself is never quoted. */
export const startFailure = (error: unknown): unknown => {
  if (KmsError.is(error, 'store_unavailable')) return unreachable(error.cause)
  if (isRefusedCredentials(error)) return refused('The store refuses the credentials of DATABASE_URL.', error)
  if (error instanceof MongoError) return unreachable(error)
  const { code, path } = error as NodeJS.ErrnoException
  if (path !== undefined) {
    return refused(`The file ${path}, which DATABASE_URL names, cannot be read (${code}).`, error)
  }
  // Such as a host's name that is not found.
  return isSystemError(error) ? unreachable(error) : error
}
