import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { KmsError } from '../../../domain/errors.ts'
import { isBusy, isNotADatabase, unavailable } from './failures.ts'
import { prepareFiles } from './files.ts'
import { monotonicMs, type WorkerOptions } from './messages.ts'
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION } from './schema.ts'

/** How long opening waits for a lock held elsewhere. */
const OPEN_BUSY_MS = 5_000
const OPEN_PAUSE_MS = 20

/** How long one statement waits for a lock; between two, the thread looks after everything else. */
const STATEMENT_BUSY_MS = 20

const refused = (path: string, why: string): KmsError =>
  new KmsError('start_refused', { message: `The database ${path} ${why}.` })

const pragma = (database: DatabaseSync, name: string): string =>
  String(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])

const isEmpty = (database: DatabaseSync): boolean =>
  database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined &&
  pragma(database, 'application_id') === '0' &&
  pragma(database, 'user_version') === '0'

/** Reads alone: a file that is not ours, or newer than this program, stays as it was. */
const checkedVersion = (database: DatabaseSync, { path, mayCreate }: WorkerOptions): number => {
  if (isEmpty(database)) {
    if (mayCreate) return 0
    throw refused(path, 'is empty, and was not before')
  }
  if (pragma(database, 'application_id') !== String(APPLICATION_ID))
    throw refused(path, 'is not a Cofre database')
  const version = Number(pragma(database, 'user_version'))
  if (version > SCHEMA_VERSION) {
    const both = `has schema version ${version}, and this program knows versions up to ${SCHEMA_VERSION}`
    throw refused(path, `${both}: start a newer program`)
  }
  return version
}

/** With WAL a commit is on disk once the log is, and readers go on while someone writes. */
const configure = (database: DatabaseSync, path: string): void => {
  if (pragma(database, 'journal_mode = WAL') !== 'wal')
    throw refused(path, 'cannot have a write-ahead log there')
  // `fullfsync` matters on macOS, where fsync leaves the data in the drive's cache. `trusted_schema` keeps a
  // schema that somebody else wrote from calling functions.
  database.exec(`
    PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
    PRAGMA trusted_schema = OFF`)
}

/**
 * Under the write lock, where the version is read again: another process may have come first. That it can be
 * had shows that the file is no read-only one; nothing is written where there is nothing to do.
 */
const migrate = (database: DatabaseSync, options: WorkerOptions): void => {
  database.exec('BEGIN IMMEDIATE')
  const missing = MIGRATIONS.slice(checkedVersion(database, options))
  for (const statements of missing) database.exec(statements)
  if (missing.length > 0) {
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
  }
  database.exec('COMMIT')
}

/** Blocks this thread, which has nothing else to do yet. */
const pause = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

/**
 * The database in that file, brought to the current schema version. It reads integers as bigint, since one
 * beyond 2^53 that somebody wrote there is an exception otherwise.
 *
 * SQLite's own patience does not cover the moment in which a file gets its write-ahead log: it gives up at once
 * where two processes open a new file together. So a lock is waited for here, too.
 *
 * @throws KmsError `start_refused` if the file is another program's, no database, of a newer version, or cannot
 *   be written; `store_unavailable` if it stays locked
 */
export const openDatabase = (options: WorkerOptions): DatabaseSync => {
  const until = monotonicMs() + OPEN_BUSY_MS
  for (;;) {
    try {
      return tryToOpen(options)
    } catch (error) {
      if (!isBusy(error)) throw error
      if (monotonicMs() >= until) throw unavailable(error)
      pause(OPEN_PAUSE_MS)
    }
  }
}

/** @throws KmsError `start_refused`, or SQLite's own error where a lock is held elsewhere */
const tryToOpen = (options: WorkerOptions): DatabaseSync => {
  const { path, mayCreate } = options
  const location = pathToFileURL(path)
  location.search = 'mode=rw'
  let database: DatabaseSync | undefined
  try {
    prepareFiles(path, mayCreate)
    database = new DatabaseSync(location, { timeout: OPEN_BUSY_MS, readBigInts: true })
    checkedVersion(database, options)
    configure(database, path)
    migrate(database, options)
    database.exec(`PRAGMA busy_timeout = ${STATEMENT_BUSY_MS}`)
    return database
  } catch (error) {
    database?.close()
    if (KmsError.is(error) || isBusy(error)) throw error
    if (isNotADatabase(error)) throw refused(path, 'is not a Cofre database')
    throw refused(path, `cannot be opened: ${error instanceof Error ? error.message : String(error)}`)
  }
}
