import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  claimOf,
  numbered,
  rootKeyId,
  rowOf,
  type Store,
  tally,
} from '../../../contracts/key-repository/samples.ts'
import { openAt, temporaryPath } from './support.ts'

const INSTANCES = 4
const CALLS = 20

suite('sqlite: several instances over one file', () => {
  test('may be the first to open it all at once, and share what they store', async (t) => {
    const path = await temporaryPath(t)
    const stores = await Promise.all(numbered(INSTANCES).map(() => openAt(t, path)))
    await stores[0]?.insertPrivateKey(rowOf())
    for (const store of stores) assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
  })

  test('have one winner of racing inserts, claims and replacements', async (t) => {
    const path = await temporaryPath(t)
    const stores = await Promise.all(numbered(INSTANCES).map(() => openAt(t, path)))
    const over = <T>(call: (store: Store, at: number) => Promise<T>) =>
      Promise.allSettled(numbered(CALLS).map((at) => call(stores[at % INSTANCES] as Store, at)))

    const inserts = await over((store, at) => store.insertPrivateKey(rowOf({ encryptedPrv: `{"at":${at}}` })))
    assert.deepEqual(tally(inserts), { undefined: 1, private_key_exists: CALLS - 1 })

    const claims = await over((store, at) =>
      store.claimRootKey(claimOf({ id: rootKeyId(String.fromCharCode(0x61 + at)), owner: `instance-${at}` })),
    )
    const held = claims.map((claim) => claim.status === 'fulfilled' && claim.value.id)
    assert.equal(new Set(held).size, 1)
    assert.ok(!held.includes(false))

    const expected = rowOf()
    const replaced = await over((store, at) =>
      store.replaceWrapping(rowOf(), expected, { ...expected, encryptedDataKey: `racer ${at}` }),
    )
    assert.deepEqual(tally(replaced), { true: 1, false: CALLS - 1 })
  })
})
