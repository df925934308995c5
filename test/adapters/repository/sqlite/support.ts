import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  openSqliteKeyRepository,
  type SqliteOptions,
} from '../../../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import type { Store } from '../../../contracts/key-repository/samples.ts'

/** Generous: no test may fail because the machine is busy. */
export const NO_HURRY_MS = 60_000

/** A folder of the test's own, taken away after it. */
export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-sqlite-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export const temporaryPath = async (t: TestContext): Promise<string> =>
  join(await temporaryFolder(t), 'cofre.sqlite')

/** Closed after the test, before its folder goes. */
export const openAt = async (
  t: TestContext,
  path: string,
  options: Omit<SqliteOptions, 'path'> = {},
): Promise<Store> => {
  const store = await openSqliteKeyRepository({ path, deadlineMs: NO_HURRY_MS, ...options })
  t.after(() => store.close())
  return store
}
