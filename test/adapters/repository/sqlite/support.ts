import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import {
  openSqliteKeyRepository,
  type SqliteOptions,
} from '../../../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import type { Store } from '../../../contracts/key-repository/samples.ts'

/** Generous: no test may fail because the machine is busy. */
export const NO_HURRY_MS = 60_000

const stores = new WeakMap<TestContext, Store[]>()

/** A folder of the test's own; after the test its stores are closed, then it is taken away. */
export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-sqlite-'))
  t.after(async () => {
    await Promise.all((stores.get(t) ?? []).map((store) => store.close()))
    await rm(folder, { recursive: true, force: true })
  })
  return folder
}

export const temporaryPath = async (t: TestContext): Promise<string> =>
  join(await temporaryFolder(t), 'cofre.sqlite')

/** Precondition: the path is in the test's temporary folder. */
export const openAt = async (
  t: TestContext,
  path: string,
  options: Omit<SqliteOptions, 'path'> = {},
): Promise<Store> => {
  const store = await openSqliteKeyRepository({ path, deadlineMs: NO_HURRY_MS, ...options })
  stores.set(t, [...(stores.get(t) ?? []), store])
  return store
}

/** What somebody else does to the file. */
export const withDatabase = <T>(path: string, use: (database: DatabaseSync) => T): T => {
  const database = new DatabaseSync(path, { timeout: NO_HURRY_MS })
  try {
    return use(database)
  } finally {
    database.close()
  }
}

/** Takes the write lock as another process would. @returns gives it back */
export const holdWriteLock = (path: string): (() => void) => {
  const database = new DatabaseSync(path, { timeout: NO_HURRY_MS })
  database.exec('BEGIN IMMEDIATE')
  return () => database.close()
}

/** Again and again while the store says that it is not there: it comes back in its own time. */
export const untilAvailable = async <T>(call: () => Promise<T>): Promise<T> => {
  for (const until = performance.now() + NO_HURRY_MS; ; ) {
    try {
      return await call()
    } catch (error) {
      if (!KmsError.is(error, 'store_unavailable') || performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
