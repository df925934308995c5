import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { activeOf, claimOf, rowOf } from '../../../contracts/key-repository/samples.ts'
import type { Fate } from '../../../support/mongo-server/proxy.ts'
import { missingMongoServer, startMongoServer } from '../../../support/mongo-server.ts'
import { openBehindProxy } from './stores.ts'

const missing = missingMongoServer()
const server = missing === undefined ? (await startMongoServer({ after })).url : ''

/** The first times that the command comes these become of it, and from then on it passes. */
const fatesOf = (command: string, ...fates: Fate[]) => {
  const seen: Fate[] = []
  const decide = (asked: string): Fate => {
    if (asked !== command) return 'pass'
    const fate = fates[seen.length] ?? 'pass'
    seen.push(fate)
    return fate
  }
  return { seen, decide }
}

suite('MongoDB: an insert whose answer is lost', { skip: missing ?? false }, () => {
  test('is a success if the row is there', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    const { seen, decide } = fatesOf('insert', 'cut-answer')
    proxy.decide = decide
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(seen, ['cut-answer'])
    assert.deepEqual(await other.listPrivateKeys({ limit: 10 }), [rowOf()])
  })

  test('is a duplicate if the row is of somebody else', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    const theirs = rowOf({ encryptedPrv: '{"theirs":1}' })
    proxy.decide = async (command) => {
      if (command !== 'insert') return 'pass'
      await other.insertPrivateKey(theirs)
      return 'cut'
    }
    await assert.rejects(store.insertPrivateKey(rowOf()), { code: 'private_key_exists' })
    assert.deepEqual(await other.findPrivateKey(rowOf()), theirs)
  })

  test('is sent again, the same row, if none is there', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    const { seen, decide } = fatesOf('insert', 'cut', 'cut')
    proxy.decide = decide
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(seen, ['cut', 'cut', 'pass'])
    assert.deepEqual(await other.findPrivateKey(rowOf()), rowOf())
  })

  test('is a success if it was sent again, and lost again, and the row is there', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    const { seen, decide } = fatesOf('insert', 'cut', 'cut-answer')
    proxy.decide = decide
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(seen, ['cut', 'cut-answer'])
    assert.deepEqual(await other.listPrivateKeys({ limit: 10 }), [rowOf()])
  })

  test('is a success if it arrives late, between the read that misses it and the next attempt', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    let inserts = 0
    proxy.decide = async (command) => {
      if (command !== 'insert') return 'pass'
      inserts++
      if (inserts === 1) return 'cut'
      // The first one, as if the network had kept it until now: the second one meets it.
      if (inserts === 2) await other.insertPrivateKey(rowOf())
      return 'pass'
    }
    await store.insertPrivateKey(rowOf())
    assert.equal(inserts, 2)
    assert.deepEqual(await other.listPrivateKeys({ limit: 10 }), [rowOf()])
  })

  test('is looked for until its row can be read', async (t) => {
    const { store, other, proxy } = await openBehindProxy(t, server)
    const finds: Fate[] = ['cut', 'cut', 'cut']
    proxy.decide = (command) => {
      if (command === 'find') return finds.pop() ?? 'pass'
      return command === 'insert' && finds.length === 3 ? 'cut-answer' : 'pass'
    }
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(finds, [])
    assert.deepEqual(await other.listPrivateKeys({ limit: 10 }), [rowOf()])
  })

  test('is unavailable at its deadline, never a duplicate, stored or not', async (t) => {
    for (const fate of ['cut', 'cut-answer'] as const) {
      const { store, proxy } = await openBehindProxy(t, server, { deadlineMs: 3_000 })
      proxy.decide = (command) => (command === 'insert' ? fate : command === 'find' ? 'cut' : 'pass')
      await assert.rejects(store.insertPrivateKey(rowOf()), { name: 'KmsError', code: 'store_unavailable' })
    }
  })

  test('never takes the equal row of an insert before it for its own', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server)
    await store.insertPrivateKey(rowOf())
    const { seen, decide } = fatesOf('insert')
    proxy.decide = decide
    await assert.rejects(store.insertPrivateKey(rowOf()), { code: 'private_key_exists' })
    assert.deepEqual(seen, ['pass'])
  })
})

suite('MongoDB: a change of root keys whose answer is lost', { skip: missing ?? false }, () => {
  for (const fate of ['cut', 'cut-answer'] as const) {
    test(`is made once, also after a ${fate}`, async (t) => {
      const { store, other, proxy } = await openBehindProxy(t, server)
      const claiming = fatesOf('insert', fate)
      proxy.decide = claiming.decide
      assert.deepEqual(await store.claimRootKey(claimOf()), claimOf())
      const lease = { owner: 'instance-2', leaseUntil: new Date('2026-01-02T03:05:00.001Z') }
      const renewing = fatesOf('update', fate)
      proxy.decide = renewing.decide
      assert.deepEqual(await store.renewClaim(claimOf(), lease), claimOf(lease))
      const activating = fatesOf('update', fate)
      proxy.decide = activating.decide
      assert.deepEqual(await store.activateRootKey(activeOf()), activeOf())
      for (const { seen } of [claiming, renewing, activating]) assert.equal(seen[0], fate)
      assert.deepEqual(await other.listRootKeys(), [activeOf()])
    })
  }
})
