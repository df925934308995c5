import type { TestContext } from 'node:test'
import { openMongoKeyRepository } from '../../../../src/adapters/repository/mongodb/mongodb-key-repository.ts'
import type { MongoOptions } from '../../../../src/adapters/repository/mongodb/options.ts'
import type { Store } from '../../../contracts/key-repository/samples.ts'
import { keepingLogger } from '../../../support/logger.ts'
import { freshDatabase } from '../../../support/mongo-server/database.ts'
import { type MongoProxy, startMongoProxy } from '../../../support/mongo-server/proxy.ts'

/** Long enough for any machine. */
export const PATIENT_MS = 60_000

/** Closed with the test. */
export const openStore = async (
  t: TestContext,
  url: string,
  options: Partial<MongoOptions> = {},
): Promise<Store> => {
  const store = await openMongoKeyRepository({
    url,
    logger: keepingLogger().logger,
    deadlineMs: PATIENT_MS,
    ...options,
  })
  t.after(() => store.close())
  return store
}

export interface Fixture {
  /** By way of the proxy. */
  readonly store: Store
  readonly proxy: MongoProxy
  /** Another instance on the same database, straight at the server. */
  readonly other: Store
}

/** Two instances on one fresh database, the first behind a proxy. */
export const openBehindProxy = async (
  t: TestContext,
  server: string,
  options: Partial<MongoOptions> = {},
): Promise<Fixture> => {
  const proxy = await startMongoProxy(t, freshDatabase(t, server))
  const direct = new URL(proxy.url)
  direct.host = new URL(server).host
  const other = await openStore(t, direct.href)
  return { store: await openStore(t, proxy.url, options), proxy, other }
}
