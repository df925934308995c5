import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { numbered, rowOf, tally } from '../../../contracts/key-repository/samples.ts'
import { holdWriteLock, openAt, temporaryPath, untilAvailable } from './support.ts'
import { commitsIn } from './write-ahead-log.ts'

/** So short that a held lock always outlasts it. */
const SHORT_MS = 250

suite('sqlite: while another process holds the write lock', () => {
  test('reads go on, and a write waits until it can be made', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    const release = holdWriteLock(path)
    let inserted = false
    const inserting = store.insertPrivateKey(rowOf({ source: 'backup' })).then(() => {
      inserted = true
    })
    for (const _ of numbered(20)) assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
    assert.equal(
      await store.findPrivateKey({ tenant: 'default', pub: rowOf().pub, source: 'backup' }),
      undefined,
    )
    assert.equal(inserted, false)
    release()
    await inserting
    assert.deepEqual(await store.findPrivateKey(rowOf({ source: 'backup' })), rowOf({ source: 'backup' }))
  })

  test('a write that waits beyond its deadline fails, and is not made later', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path, { deadlineMs: SHORT_MS })
    await untilAvailable(() => store.ping())
    const release = holdWriteLock(path)
    const refused = { name: 'KmsError', code: 'store_unavailable' }
    await assert.rejects(store.insertPrivateKey(rowOf()), refused)
    await assert.rejects(store.ping(), refused)
    release()
    await untilAvailable(() => store.ping())
    assert.equal(await untilAvailable(() => store.findPrivateKey(rowOf())), undefined)
  })

  test('more calls than may wait are refused at once, and those that wait are served later', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path, { maxQueue: 4 })
    const release = holdWriteLock(path)
    const rows = numbered(4).map((at) => rowOf({ pub: `row ${at}` }))
    const inserting = Promise.allSettled(rows.map((row) => store.insertPrivateKey(row)))
    const busy = { name: 'KmsError', code: 'store_busy' }
    await assert.rejects(store.insertPrivateKey(rowOf()), busy)
    await assert.rejects(store.findPrivateKey(rowOf()), busy)
    release()
    assert.deepEqual(tally(await inserting), { undefined: 4 })
    await store.insertPrivateKey(rowOf())
  })

  test('writes that wait together share one commit', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    const before = await commitsIn(path)
    const release = holdWriteLock(path)
    const rows = numbered(30).map((at) => rowOf({ pub: `row ${at % 25}` }))
    const inserting = Promise.allSettled(rows.map((row) => store.insertPrivateKey(row)))
    // An answer to this shows that the thread has all that was sent before.
    await store.findPrivateKey(rowOf())
    release()
    assert.deepEqual(tally(await inserting), { undefined: 25, private_key_exists: 5 })
    assert.equal((await commitsIn(path)) - before, 1)
    for (const row of rows) assert.deepEqual(await store.findPrivateKey(row), row)
  })
})
