import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyIdentity, KeyName, Source } from '../../../src/domain/private-key.ts'
import { numbered, type OpenStore, rowOf, type Store } from './samples.ts'

/** In the order of their bytes, which is neither that of a language nor that of numbers. */
const IN_ORDER = [
  ' ',
  '!',
  '"',
  '0',
  '10',
  '9',
  ':',
  'A',
  'Aa',
  'B',
  'Z',
  '_',
  'a',
  'aA',
  'aa',
  'b',
  '~',
  '~~',
]

const identitiesOf = (rows: readonly KeyName[]): readonly string[] =>
  rows.map(({ pub, source }) => `${source}:${pub}`)

const insertAll = async (store: Store, identities: readonly KeyName[]): Promise<void> => {
  for (const identity of identities) await store.insertPrivateKey(rowOf(identity))
}

/** Neither in order nor in the reverse of it. */
const shuffled = <T>(items: readonly T[]): readonly T[] => [
  ...items.filter((_, at) => at % 3 === 1),
  ...items.filter((_, at) => at % 3 === 0).reverse(),
  ...items.filter((_, at) => at % 3 === 2),
]

/** From cursor to cursor to the end; `between` runs after every page. */
const walk = async (store: Store, limit: number, between = async (_after: KeyIdentity) => {}) => {
  const met: KeyIdentity[] = []
  for (let after: KeyIdentity | undefined; ; ) {
    const page = await store.listPrivateKeys(after === undefined ? { limit } : { after, limit })
    assert.ok(page.length <= limit, `${page.length} rows where ${limit} were asked for`)
    const last = page.at(-1)
    if (last === undefined) return met
    met.push(...page)
    after = { tenant: last.tenant, pub: last.pub, source: last.source }
    await between(after)
  }
}

export const listingTests = (open: OpenStore): void => {
  test('an empty store has no rows, with and without a cursor', async (t) => {
    const store = await open(t)
    assert.deepEqual(await store.listPrivateKeys({ limit: 10 }), [])
    assert.deepEqual(
      await store.listPrivateKeys({ after: { tenant: 'default', pub: 'x', source: 'user' }, limit: 10 }),
      [],
    )
  })

  test('lists whole rows by source, then by the bytes of pub', async (t) => {
    const store = await open(t)
    const sorted = (['backup', 'user'] as const).flatMap((source) => IN_ORDER.map((pub) => ({ pub, source })))
    await insertAll(store, shuffled(sorted))
    assert.deepEqual(
      await store.listPrivateKeys({ limit: 1000 }),
      sorted.map((identity) => rowOf(identity)),
    )
  })

  for (const limit of [1, 7, 36, 1000]) {
    test(`a walk in pages of ${limit} meets every row once and in order`, async (t) => {
      const store = await open(t)
      const sorted = (['backup', 'user'] as const).flatMap((source) =>
        IN_ORDER.map((pub) => ({ pub, source })),
      )
      await insertAll(store, shuffled(sorted))
      assert.deepEqual(identitiesOf(await walk(store, limit)), identitiesOf(sorted))
    })
  }

  test('goes on after a cursor that is not stored', async (t) => {
    const store = await open(t)
    const stored: readonly KeyName[] = [
      { pub: 'b', source: 'backup' },
      { pub: 'd', source: 'backup' },
      { pub: 'a', source: 'user' },
    ]
    await insertAll(store, stored)
    const after = async (pub: string, source: Source) =>
      identitiesOf(await store.listPrivateKeys({ after: { tenant: 'default', pub, source }, limit: 10 }))
    assert.deepEqual(await after(' ', 'backup'), ['backup:b', 'backup:d', 'user:a'])
    assert.deepEqual(await after('c', 'backup'), ['backup:d', 'user:a'])
    assert.deepEqual(await after('d', 'backup'), ['user:a'])
    assert.deepEqual(await after('~', 'backup'), ['user:a'])
    assert.deepEqual(await after(' ', 'user'), ['user:a'])
    assert.deepEqual(await after('a', 'user'), [])
  })

  test('inserts during a walk hide no row and double none', async (t) => {
    const store = await open(t)
    const before = numbered(40).map((at) => ({
      pub: `row-${String(at).padStart(2, '0')}`,
      source: at % 2 === 0 ? ('user' as const) : ('backup' as const),
    }))
    await insertAll(store, shuffled(before))
    let inserted = 0
    const met = await walk(store, 3, async ({ pub, source }) => {
      // Right behind the cursor, right before it, and at both ends; few enough that the walk comes to its end.
      if (inserted >= 20) return
      inserted += 4
      await insertAll(store, [
        { pub: `${pub} `, source },
        { pub: `${pub.slice(0, -1)} ${inserted}`, source },
        { pub: ` first ${inserted}`, source: 'backup' },
        { pub: `~last ${inserted}`, source: 'user' },
      ])
    })
    assert.equal(new Set(identitiesOf(met)).size, met.length, 'a row was met twice')
    const expected = new Set(identitiesOf(before))
    const metBefore = identitiesOf(met).filter((identity) => expected.has(identity))
    assert.deepEqual(metBefore.toSorted(), [...expected].toSorted())
    assert.deepEqual(identitiesOf(met), identitiesOf(met).toSorted())
  })

  test('a walk over several tenants meets each row once, one tenant after the other', async (t) => {
    const store = await open(t)
    const tenants = ['a', 'a-b', 'a.b', 'B', 'default']
    for (const tenant of tenants) {
      for (const pub of ['x', 'y']) {
        for (const source of ['user', 'backup'] as const)
          await store.insertPrivateKey(rowOf({ tenant, pub, source }))
      }
    }
    const met = await walk(store, 3)
    const inTenant = ['backup:x', 'backup:y', 'user:x', 'user:y']
    for (const tenant of tenants) {
      assert.deepEqual(identitiesOf(met.filter((row) => row.tenant === tenant)), inTenant)
    }
    assert.equal(met.length, tenants.length * inTenant.length)
    const changes = met.filter(({ tenant }, at) => tenant !== met[at - 1]?.tenant)
    assert.equal(changes.length, tenants.length, 'the rows of a tenant stand together')
  })
}
