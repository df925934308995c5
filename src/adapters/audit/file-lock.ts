import { DatabaseSync } from 'node:sqlite'

export interface FileLock {
  release(): void
}

/**
 * Node can't lock a file, SQLite can: an exclusive transaction on an empty database beside the log, never
 * committed, is a POSIX record lock. The kernel lets it go when the process ends, however it ends, so no lock is
 * ever stale; and it holds between containers that share the volume, where process ids mean nothing.
 *
 * @returns undefined where another process, or this one, holds it
 */
export const lockFile = (path: string): FileLock | undefined => {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
    throw error
  }
  return {
    release: () => {
      if (database.isOpen) database.close()
    },
  }
}

const SQLITE_BUSY = 5
