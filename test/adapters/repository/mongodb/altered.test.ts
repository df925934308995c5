import assert from 'node:assert/strict'
import { after, suite, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { type Document, MongoClient } from 'mongodb'
import { activeOf, claimOf, rowOf, type Store } from '../../../contracts/key-repository/samples.ts'
import { freshDatabase, mongoForTests } from '../../../support/mongo-server/database.ts'
import { missingMongo } from '../../../support/mongo-server.ts'
import { openStore } from './stores.ts'

const missing = missingMongo()
const server = missing === undefined ? await mongoForTests({ after }) : ''
const ID = 'default:user:xpub661MyMwAqRbcF'

interface Opened {
  readonly url: string
  readonly store: Store
  /** Sets fields of the one document there, past the store. */
  readonly alter: (collection: string, fields: Document) => Promise<void>
}

const open = async (t: TestContext): Promise<Opened> => {
  const url = freshDatabase(t, server)
  const store = await openStore(t, url)
  const client = new MongoClient(url)
  t.after(() => client.close())
  const alter = async (collection: string, fields: Document): Promise<void> => {
    const { matchedCount } = await client.db().collection(collection).updateOne({}, { $set: fields })
    assert.equal(matchedCount, 1)
  }
  return { url, store, alter }
}

suite('MongoDB: a database that others have written to', { skip: missing ?? false }, () => {
  const nonsense: readonly Document[] = [
    { tenant: 'another' },
    { tenant: 'a:b' },
    { pub: 'another' },
    { source: 'backup' },
    { source: 'elsewhere' },
    { coin: 7 },
    { type: '' },
    { encryptedPrv: { text: '' } },
    { encryptedDataKey: ['secret'] },
    { provider: null },
    { rootKey: 1 },
    { created_at: '2026-01-01' },
    { version: 'one' },
    { mac: 7 },
  ]
  for (const fields of nonsense) {
    test(`a row with ${inspect(fields)} is an integrity failure that names the row`, async (t) => {
      const { store, alter } = await open(t)
      await store.insertPrivateKey(rowOf())
      await alter('private_keys', fields)
      const expected = { code: 'integrity_failure', subject: { _id: ID } }
      await assert.rejects(store.findPrivateKey(rowOf()), expected)
      await assert.rejects(store.listPrivateKeys({ limit: 1 }), expected)
    })
  }

  test('root keys with nonsense in them are an integrity failure, also for what would change them', async (t) => {
    const { store, alter } = await open(t)
    await store.claimRootKey(claimOf())
    for (const fields of [
      { 'rootKeys.0.state': 'retired' },
      { 'rootKeys.0.id': 'short' },
      { revision: 'one' },
      { rootKeys: {} },
    ]) {
      await alter('root_keys', fields)
      await assert.rejects(store.listRootKeys(), { code: 'integrity_failure' })
      await assert.rejects(store.activateRootKey(activeOf()), { code: 'integrity_failure' })
    }
  })

  test('of a newer schema version is refused, and no longer answers a ping', async (t) => {
    const { url, store, alter } = await open(t)
    await alter('schema', { version: 2 })
    await assert.rejects(openStore(t, url), {
      code: 'start_refused',
      message: /schema version 2.*newer program/,
    })
    await assert.rejects(store.ping(), { code: 'store_unavailable' })
  })

  test('without a valid schema version is refused', async (t) => {
    const { url, alter } = await open(t)
    for (const version of ['1', 0, 1.5, null]) {
      await alter('schema', { version })
      await assert.rejects(openStore(t, url), { code: 'start_refused' })
    }
  })

  test('with private keys but no schema version is refused', async (t) => {
    const url = freshDatabase(t, server)
    await using client = new MongoClient(url)
    await client.db().collection('private_keys').insertOne({ pub: 'of the reference' })
    await assert.rejects(openStore(t, url), { code: 'start_refused', message: /did not write/ })
  })

  test('is opened again with all that was stored', async (t) => {
    const { url, store } = await open(t)
    await store.insertPrivateKey(rowOf())
    await store.claimRootKey(claimOf())
    await store.close()
    const again = await openStore(t, url)
    assert.deepEqual(await again.findPrivateKey(rowOf()), rowOf())
    assert.deepEqual(await again.listRootKeys(), [claimOf()])
  })
})
