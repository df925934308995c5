import type { DatabaseSync } from 'node:sqlite'
import { failureOf, isConstraint } from './failures.ts'
import type { Outcome } from './messages.ts'

/** A write that one commit may share with others. */
export type Write = () => Outcome

/** What violates a constraint fails alone: SQLite undoes that statement and the transaction goes on. */
const attempt = (write: Write): Outcome => {
  try {
    return write()
  } catch (error) {
    if (isConstraint(error)) return { failure: failureOf(error) }
    throw error
  }
}

/**
 * Runs the writes in order under one commit: flushing to disk costs the same for one and for many.
 * When it returns, all that is not a failure in its result is on disk.
 *
 * @throws the error of SQLite if the transaction failed: then nothing of it is stored
 */
export const commitTogether = (database: DatabaseSync, writes: readonly Write[]): readonly Outcome[] => {
  database.exec('BEGIN IMMEDIATE')
  try {
    const outcomes = writes.map(attempt)
    database.exec('COMMIT')
    return outcomes
  } catch (error) {
    // Some errors, such as a full disk, have rolled back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
