import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RowWrapping } from '../../../src/ports/key-repository.port.ts'
import { numbered, type OpenStore, rootKeyId, rowOf, tally } from './samples.ts'

const wrappingOf = (letter: string, provider = 'dinamo'): RowWrapping => ({
  encryptedDataKey: `token wrapped with ${letter}`,
  rootKey: rootKeyId(letter),
  provider,
  version: letter.charCodeAt(0),
  mac: (letter.charCodeAt(0) % 10).toString().repeat(64),
})

const RACERS = 10

export const wrappingTests = (open: OpenStore): void => {
  test('replaces the wrapping and nothing else', async (t) => {
    const store = await open(t)
    const row = rowOf(wrappingOf('a'))
    const neighbor = rowOf({ ...wrappingOf('a'), source: 'backup' })
    for (const each of [row, neighbor]) await store.insertPrivateKey(each)
    const next = wrappingOf('b', 'pkcs11')
    assert.equal(await store.replaceWrapping(row, wrappingOf('a'), next), true)
    assert.deepEqual(await store.findPrivateKey(row), { ...row, ...next })
    assert.deepEqual(await store.findPrivateKey(neighbor), neighbor)
  })

  test('replaces nothing that is not as expected', async (t) => {
    const store = await open(t)
    const row = rowOf(wrappingOf('a'))
    await store.insertPrivateKey(row)
    const { encryptedDataKey, rootKey, version, mac } = wrappingOf('b')
    for (const change of [
      { encryptedDataKey },
      { rootKey },
      { version },
      { mac },
      { encryptedDataKey, rootKey },
    ]) {
      const expected = { ...wrappingOf('a'), ...change }
      assert.equal(await store.replaceWrapping(row, expected, wrappingOf('c')), false)
      assert.deepEqual(await store.findPrivateKey(row), row)
    }
  })

  test('replaces nothing where there is no row', async (t) => {
    const store = await open(t)
    await store.insertPrivateKey(rowOf({ ...wrappingOf('a'), source: 'user' }))
    const identity = { tenant: 'default', pub: rowOf().pub, source: 'backup' as const }
    assert.equal(await store.replaceWrapping(identity, wrappingOf('a'), wrappingOf('b')), false)
    assert.equal(await store.findPrivateKey(identity), undefined)
  })

  test('a second replacement must expect what the first one made', async (t) => {
    const store = await open(t)
    const row = rowOf(wrappingOf('a'))
    await store.insertPrivateKey(row)
    assert.equal(await store.replaceWrapping(row, wrappingOf('a'), wrappingOf('b')), true)
    assert.equal(await store.replaceWrapping(row, wrappingOf('a'), wrappingOf('c')), false)
    assert.equal(await store.replaceWrapping(row, wrappingOf('b'), wrappingOf('c')), true)
    assert.deepEqual(await store.findPrivateKey(row), { ...row, ...wrappingOf('c') })
  })

  test(`lets one of ${RACERS} racing replacements win`, async (t) => {
    const store = await open(t)
    const row = rowOf(wrappingOf('a'))
    await store.insertPrivateKey(row)
    const nexts = numbered(RACERS).map((at) => ({ ...wrappingOf('b'), encryptedDataKey: `racer ${at}` }))
    const outcomes = await Promise.allSettled(
      nexts.map((next) => store.replaceWrapping(row, wrappingOf('a'), next)),
    )
    assert.deepEqual(tally(outcomes), { true: 1, false: RACERS - 1 })
    const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled' && outcome.value)
    assert.deepEqual(await store.findPrivateKey(row), { ...row, ...nexts[winner] })
  })

  test('counts the rows of every root key, and follows a replacement', async (t) => {
    const store = await open(t)
    assert.deepEqual(await store.countByRootKey(), [])
    assert.deepEqual(await store.rootKeysInUse(), [])
    for (const at of numbered(7)) {
      const wrapping = at < 5 ? wrappingOf('c') : wrappingOf('b', 'pkcs11')
      await store.insertPrivateKey(rowOf({ ...wrapping, pub: `row ${at}` }))
    }
    assert.deepEqual(await store.countByRootKey(), [
      { rootKey: rootKeyId('b'), provider: 'pkcs11', rows: 2 },
      { rootKey: rootKeyId('c'), provider: 'dinamo', rows: 5 },
    ])
    await store.replaceWrapping(
      { tenant: 'default', pub: 'row 0', source: 'user' },
      wrappingOf('c'),
      wrappingOf('a'),
    )
    assert.deepEqual(await store.countByRootKey(), [
      { rootKey: rootKeyId('a'), provider: 'dinamo', rows: 1 },
      { rootKey: rootKeyId('b'), provider: 'pkcs11', rows: 2 },
      { rootKey: rootKeyId('c'), provider: 'dinamo', rows: 4 },
    ])
    assert.deepEqual((await store.rootKeysInUse()).toSorted(), ['a', 'b', 'c'].map(rootKeyId))
  })
}
