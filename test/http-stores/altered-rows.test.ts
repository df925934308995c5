import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { type Document, MongoClient } from 'mongodb'
import { ask } from '../durability/support/client.ts'
import { newInstance, urlOf } from '../durability/support/instance.ts'
import { allStores } from '../durability/support/stores.ts'
import { simulatorFor } from '../support/simulator.ts'

const LIMIT = { timeout: 180_000 }
const KEY = { pub: 'xpub661', coin: 'tbtc', source: 'user', type: 'independent', prv: 'xprv9s21' }
const OTHER = { ...KEY, pub: 'xpub662', coin: 'eth', type: 'tss', prv: 'another' }
const PATH = '/key/xpub661?source=user'

type Row = Readonly<Record<string, unknown>>

/** The store as somebody sees it who may write to it. */
interface Outside {
  readonly find: (pub: string) => Promise<Row>
  /** Replaces these columns of the row of that pub. */
  readonly alter: (pub: string, columns: Row) => Promise<void>
  readonly close: () => Promise<void>
}

const sqliteFrom = (path: string): Outside => {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA busy_timeout = 5000')
  return {
    find: async (pub) => ({ ...database.prepare('SELECT * FROM private_keys WHERE pub = ?').get(pub) }),
    alter: async (pub, columns) => {
      const names = Object.keys(columns)
      const values = Object.values(columns) as string[]
      database
        .prepare(`UPDATE private_keys SET ${names.map((name) => `${name} = ?`).join(', ')} WHERE pub = ?`)
        .run(...values, pub)
    },
    close: async () => database.close(),
  }
}

const mongoFrom = async (url: string): Promise<Outside> => {
  const client = await new MongoClient(url).connect()
  const rows = client.db().collection<Document>('private_keys')
  const idOf = (pub: string): Document => ({ _id: `default:user:${pub}` })
  return {
    find: async (pub) => (await rows.findOne(idOf(pub))) ?? {},
    alter: async (pub, columns) => void (await rows.updateOne(idOf(pub), { $set: columns })),
    close: () => client.close(),
  }
}

const openOutside = async (url: string): Promise<Outside> =>
  url.startsWith('sqlite:') ? sqliteFrom(url.slice('sqlite:'.length)) : await mongoFrom(url)

const oneCharacter = (text: string): string => `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`

/** Each column by itself: as a slip, and as what another row has there. */
const alterationsOf = (row: Row, other: Row): readonly Row[] => {
  const created = row.created_at
  const later = created instanceof Date ? new Date(created.getTime() + 1) : '2026-01-01T00:00:00.000Z'
  return [
    { coin: 'eth' },
    { type: 'tss' },
    { provider: 'pkcs11' },
    { rootKey: 'z'.repeat(32) },
    { created_at: later },
    { version: 2 },
    { mac: oneCharacter(String(row.mac)) },
    { encryptedPrv: `${row.encryptedPrv} ` },
    { encryptedDataKey: oneCharacter(String(row.encryptedDataKey)) },
    ...['encryptedPrv', 'encryptedDataKey', 'mac'].map((name) => ({ [name]: other[name] })),
    { encryptedPrv: other.encryptedPrv, encryptedDataKey: other.encryptedDataKey, mac: other.mac },
    {
      coin: other.coin,
      type: other.type,
      encryptedPrv: other.encryptedPrv,
      encryptedDataKey: other.encryptedDataKey,
      mac: other.mac,
    },
  ]
}

for (const { name, skip, freshUrl } of await allStores({ after })) {
  test(`cofre serve on ${name}: a row that was altered outside is never served`, {
    ...LIMIT,
    skip,
  }, async (t) => {
    const databaseUrl = await freshUrl(t)
    const instance = await newInstance(t, await simulatorFor(t), databaseUrl)
    await instance.start()
    const url = urlOf(instance)
    for (const key of [KEY, OTHER]) assert.equal((await ask(url, '/key', key)).status, 200)
    const outside = await openOutside(databaseUrl)
    t.after(() => outside.close())
    const { id: _, _id: __, ...row } = (await outside.find(KEY.pub)) as Record<string, unknown>
    const other = await outside.find(OTHER.pub)
    for (const columns of alterationsOf(row, other)) {
      await outside.alter(KEY.pub, columns)
      const { status, body } = await ask(url, PATH)
      const what = Object.keys(columns).join(', ')
      assert.deepEqual([status, body.code, body.prv], [500, 'integrity_failure', undefined], what)
      await outside.alter(KEY.pub, row)
      assert.equal((await ask(url, PATH)).body.prv, KEY.prv, `${what}, put back`)
    }
    for (const columns of [{ tenant: 'another' }, { source: 'backup' }]) {
      await outside.alter(KEY.pub, columns)
      for (const source of ['user', 'backup']) {
        const { status, body } = await ask(url, `/key/xpub661?source=${source}`)
        assert.ok(status === 404 || status === 500, `${status} for ${source}, ${Object.keys(columns)}`)
        assert.equal(body.prv, undefined)
      }
      await outside.alter(KEY.pub, row)
    }
    assert.equal((await ask(url, PATH)).body.prv, KEY.prv)
  })
}
