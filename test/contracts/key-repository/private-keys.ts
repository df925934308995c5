import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbered, type OpenStore, rowOf, tally } from './samples.ts'

/** Texts that a column type, a query language, a file system or a tidy-minded layer might change. */
const AWKWARD = [
  '0012',
  '1e3',
  'null',
  "it's; DROP TABLE private_keys --",
  '"quoted" \\ back\\slash',
  ' spaces at both ends ',
  '$where',
  'a.b.$c',
  'user:xpub',
  '%_[*]?',
  'MiXeD cAsE+/=',
  ' ',
  '~',
]

const PRINTABLE = String.fromCharCode(...numbered(0x7f - 0x20).map((at) => at + 0x20))

/** An envelope of a 1 MiB private key: base64 makes it a third longer. */
const LARGE_ENVELOPE = 1_400_000
const RACERS = 20

export const privateKeyTests = (open: OpenStore): void => {
  test('finds what was inserted, in every column', async (t) => {
    const store = await open(t)
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(
      await store.findPrivateKey({ tenant: 'default', pub: rowOf().pub, source: 'user' }),
      rowOf(),
    )
  })

  test('finds nothing under an identity that is not stored', async (t) => {
    const store = await open(t)
    assert.equal(await store.findPrivateKey({ tenant: 'default', pub: 'xpub', source: 'user' }), undefined)
    await store.insertPrivateKey(rowOf({ pub: 'xpub', source: 'user' }))
    assert.equal(await store.findPrivateKey({ tenant: 'default', pub: 'xpub', source: 'backup' }), undefined)
    for (const pub of ['xpu', 'xpub ', 'XPUB', 'xpub2', 'user:xpub']) {
      assert.equal(await store.findPrivateKey({ tenant: 'default', pub, source: 'user' }), undefined, pub)
    }
  })

  test('keeps the same pub and source apart by their tenant', async (t) => {
    const store = await open(t)
    const tenants = ['default', 'Default', 'a', 'a.b', 'a-b', 'A_1']
    const rows = tenants.map((tenant) => rowOf({ tenant, encryptedPrv: `{"of":"${tenant}"}` }))
    for (const row of rows) await store.insertPrivateKey(row)
    for (const row of rows) {
      assert.deepEqual(await store.findPrivateKey(row), row)
      await assert.rejects(store.insertPrivateKey(row), { code: 'private_key_exists' })
    }
    assert.equal(await store.findPrivateKey(rowOf({ tenant: 'b' })), undefined)
    const { rootKey, encryptedDataKey, provider, version, mac } = rowOf()
    const wrapping = { rootKey, encryptedDataKey, provider, version, mac }
    const next = { ...wrapping, version: 2 }
    assert.equal(await store.replaceWrapping(rowOf({ tenant: 'a' }), wrapping, next), true)
    const changed = await Promise.all(rows.map((row) => store.findPrivateKey(row)))
    assert.deepEqual(
      changed.map((row) => row?.version),
      tenants.map((tenant) => (tenant === 'a' ? 2 : 1)),
    )
    const listed = (await store.listPrivateKeys({ limit: 100 })).map(({ tenant }) => tenant)
    assert.deepEqual(listed.toSorted(), tenants.toSorted())
  })

  test('keeps the same pub apart by its source', async (t) => {
    const store = await open(t)
    const rows = [rowOf({ source: 'user' }), rowOf({ source: 'backup', encryptedPrv: '{"other":1}' })]
    for (const row of rows) await store.insertPrivateKey(row)
    for (const row of rows) assert.deepEqual(await store.findPrivateKey(row), row)
  })

  test('keeps pubs apart that differ in case or spaces alone', async (t) => {
    const store = await open(t)
    const rows = ['abc', 'ABC', 'Abc', 'abc ', ' abc', 'a bc'].map((pub) =>
      rowOf({ pub, encryptedPrv: `{${pub}}` }),
    )
    for (const row of rows) await store.insertPrivateKey(row)
    for (const row of rows) assert.deepEqual(await store.findPrivateKey(row), row)
  })

  test('gives every text back exactly as it was', async (t) => {
    const store = await open(t)
    for (const text of [...AWKWARD, PRINTABLE.slice(0, 64), PRINTABLE.slice(-64)]) {
      const row = rowOf({ pub: text, coin: text, type: text, encryptedPrv: text, encryptedDataKey: text })
      await store.insertPrivateKey(row)
      assert.deepEqual(await store.findPrivateKey(row), row, text)
    }
  })

  test('takes the longest pub and the largest envelope', async (t) => {
    const store = await open(t)
    const long = PRINTABLE.repeat(11).slice(0, 1024)
    const row = rowOf({ pub: long, encryptedPrv: PRINTABLE.repeat(15_000).slice(0, LARGE_ENVELOPE) })
    await store.insertPrivateKey(row)
    const found = await store.findPrivateKey(row)
    assert.equal(found?.encryptedPrv === row.encryptedPrv, true, 'the envelope changed')
    assert.equal(found?.pub, long)
  })

  test('refuses a second row of an identity, and keeps the first', async (t) => {
    const store = await open(t)
    await store.insertPrivateKey(rowOf())
    for (const second of [
      rowOf(),
      rowOf({ encryptedPrv: '{"other":1}', coin: 'teth', rootKey: 'b'.repeat(32) }),
    ]) {
      await assert.rejects(store.insertPrivateKey(second), { name: 'KmsError', code: 'private_key_exists' })
    }
    assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
  })

  test(`lets one of ${RACERS} racing inserts of an identity win`, async (t) => {
    const store = await open(t)
    const rows = numbered(RACERS).map((at) => rowOf({ encryptedPrv: `{"racer":${at}}` }))
    const outcomes = await Promise.allSettled(rows.map((row) => store.insertPrivateKey(row)))
    assert.deepEqual(tally(outcomes), { undefined: 1, private_key_exists: RACERS - 1 })
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    assert.deepEqual(await store.findPrivateKey(rowOf()), rows[winner])
  })

  test('an insert that fails takes none of those beside it down', async (t) => {
    const store = await open(t)
    await store.insertPrivateKey(rowOf({ pub: 'taken' }))
    const rows = ['one', 'taken', 'two', 'taken', 'three'].map((pub) => rowOf({ pub }))
    const outcomes = await Promise.allSettled(rows.map((row) => store.insertPrivateKey(row)))
    assert.deepEqual(tally(outcomes), { undefined: 3, private_key_exists: 2 })
    for (const row of rows) assert.deepEqual(await store.findPrivateKey(row), row)
  })

  test('shares no object with its callers', async (t) => {
    const store = await open(t)
    const given = rowOf()
    await store.insertPrivateKey(given)
    given.createdAt.setTime(0)
    Object.assign(given, { encryptedPrv: 'changed by the one who gave it' })
    const found = await store.findPrivateKey(given)
    assert.deepEqual(found, rowOf())
    found?.createdAt.setTime(0)
    Object.assign(found ?? {}, { encryptedPrv: 'changed by the one who got it' })
    const [listed] = await store.listPrivateKeys({ limit: 1 })
    assert.deepEqual(listed, rowOf())
    listed?.createdAt.setTime(0)
    assert.deepEqual(await store.findPrivateKey(given), rowOf())
  })
}
