import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbered, type OpenStore, rootKeyId, storeOf, tally } from './samples.ts'

const RACERS = 10

export const storeRecordTests = (open: OpenStore): void => {
  test('has no record until one is made, and keeps the first', async (t) => {
    const store = await open(t)
    assert.equal(await store.findStore(), undefined)
    assert.deepEqual(await store.createStore(storeOf()), storeOf())
    assert.deepEqual(
      await store.createStore(storeOf({ id: 'ff'.repeat(16), mac: 'e'.repeat(64) })),
      storeOf(),
    )
    assert.deepEqual(await store.findStore(), storeOf())
  })

  test('replaces the record that is expected, and no other', async (t) => {
    const store = await open(t)
    const next = storeOf({
      state: 'finished',
      mac: 'd'.repeat(64),
      integrityKeys: [...storeOf().integrityKeys, { rootKey: rootKeyId('b'), token: 'another' }],
    })
    assert.equal(await store.replaceStore(storeOf(), next), false)
    assert.equal(await store.findStore(), undefined)
    await store.createStore(storeOf())
    assert.equal(await store.replaceStore(storeOf({ mac: 'e'.repeat(64) }), next), false)
    assert.deepEqual(await store.findStore(), storeOf())
    assert.equal(await store.replaceStore(storeOf(), next), true)
    assert.deepEqual(await store.findStore(), next)
  })

  test(`lets one of ${RACERS} racing records be the first, and one of as many replacements win`, async (t) => {
    const store = await open(t)
    const records = numbered(RACERS).map((at) => storeOf({ mac: `${at}`.repeat(64) }))
    const held = await Promise.all(records.map((record) => store.createStore(record)))
    const [first = storeOf()] = held
    assert.equal(new Set(held.map(({ mac }) => mac)).size, 1)
    const nexts = numbered(RACERS).map((at) => storeOf({ mac: `${'abcdefabcd'.charAt(at).repeat(63)}${at}` }))
    const outcomes = await Promise.allSettled(nexts.map((next) => store.replaceStore(first, next)))
    assert.deepEqual(tally(outcomes), { true: 1, false: RACERS - 1 })
    const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled' && outcome.value)
    assert.deepEqual(await store.findStore(), nexts[winner])
  })
}
