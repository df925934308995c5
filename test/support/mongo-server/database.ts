import { randomBytes } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { type Scope, startMongoServer } from '../mongo-server.ts'

/** Another database at the same server; whoever logged in through the one that was named still does. */
export const withDatabase = (url: string, name: string): string => {
  const [, server, database = '', query = ''] = /^(\w[\w+]*:\/\/[^/?]+)\/?([^?]*)\??(.*)$/.exec(url) ?? []
  const parameters = new URLSearchParams(query)
  if (database !== '' && server?.includes('@') && !parameters.has('authSource'))
    parameters.set('authSource', database)
  return `${server}/${name}?${parameters.toString()}`
}

/** The user's server (MONGODB_TEST_URL), or one of our own for as long as the scope lasts. @returns its URL */
export const mongoForTests = async (scope: Scope): Promise<string> =>
  process.env.MONGODB_TEST_URL ?? (await startMongoServer(scope)).url

/** A database that nobody else has, dropped afterwards. @returns the URL with its name */
export const freshDatabase = (scope: Scope, server: string): string => {
  const url = withDatabase(server, `cofre_test_${randomBytes(6).toString('hex')}`)
  scope.after(async () => {
    await using client = new MongoClient(url, { serverSelectionTimeoutMS: 5_000 })
    await client.db().dropDatabase()
  })
  return url
}
