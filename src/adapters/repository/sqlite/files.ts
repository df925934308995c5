import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { KmsError } from '../../../domain/errors.ts'

const OWNER_ONLY = 0o600
const FOLDER_OWNER_ONLY = 0o700

/** What SQLite keeps beside the database gets the database's mode when it is made, but may be there already. */
const COMPANIONS = ['-wal', '-shm', '-journal']

/** Windows has no such thing. */
const flushFolder = (path: string): void => {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** The folder stands after a power failure too; one that was there keeps its mode. */
const ensureFolder = (path: string): void => {
  const made = mkdirSync(path, { recursive: true, mode: FOLDER_OWNER_ONLY })
  if (made !== undefined) flushFolder(dirname(made))
}

/** Another process may make it at the same moment. */
const createFile = (path: string): void => {
  ensureFolder(dirname(path))
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  flushFolder(dirname(path))
}

/**
 * Makes the file if it may and must, readable by its owner alone from the start, and tightens what is there.
 * A file that exists is never opened here: closing it would take away the locks of this process on it.
 *
 * @throws KmsError `start_refused` for anything but a file
 */
export const prepareFiles = (path: string, mayCreate: boolean): void => {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined && mayCreate) createFile(path)
  if (found !== undefined && !found.isFile()) {
    throw new KmsError('start_refused', { message: `The database ${path} is not a file.` })
  }
  for (const suffix of ['', ...COMPANIONS]) {
    if (statSync(path + suffix, { throwIfNoEntry: false }) !== undefined) chmodSync(path + suffix, OWNER_ONLY)
  }
}

const identityOf = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? 'missing' : `${found.dev}:${found.ino}`
}

/**
 * Remembers which file stands under the path now.
 *
 * @returns a check that throws if it is not the same any more: what is written to a file that was moved away or
 *   replaced is lost, though every write succeeds
 */
export const watchPlace = (path: string): (() => void) => {
  const before = identityOf(path)
  return () => {
    if (identityOf(path) !== before) throw new Error('the database file was moved, replaced or deleted')
  }
}
