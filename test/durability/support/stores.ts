import type { TestContext } from 'node:test'
import { freshDatabase, mongoForTests } from '../../support/mongo-server/database.ts'
import { missingMongo, type Scope } from '../../support/mongo-server.ts'
import { sqliteIn } from './instance.ts'

export interface TestStore {
  readonly name: string
  /** Why it can't be had here, or false. */
  readonly skip: string | false
  /** Of an empty store that nobody else has. */
  freshUrl(t: TestContext): Promise<string>
}

/** All stores that several instances may share. */
export const allStores = async (scope: Scope): Promise<readonly TestStore[]> => {
  const missing = missingMongo()
  const server = missing === undefined ? await mongoForTests(scope) : ''
  return [
    { name: 'SQLite', skip: false, freshUrl: sqliteIn },
    { name: 'MongoDB', skip: missing ?? false, freshUrl: async (t) => freshDatabase(t, server) },
  ]
}
