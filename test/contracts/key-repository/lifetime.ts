import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activeOf, claimOf, numbered, type OpenStore, rowOf, type Store, storeOf, tally } from './samples.ts'

const WRAPPING = rowOf()

const CALLS: Readonly<Record<Exclude<keyof Store, 'close'>, (store: Store) => Promise<unknown>>> = {
  insertPrivateKey: (store) => store.insertPrivateKey(rowOf()),
  findPrivateKey: (store) => store.findPrivateKey(rowOf()),
  listPrivateKeys: (store) => store.listPrivateKeys({ limit: 1 }),
  replaceWrapping: (store) => store.replaceWrapping(rowOf(), WRAPPING, WRAPPING),
  rootKeysInUse: (store) => store.rootKeysInUse(),
  countByRootKey: (store) => store.countByRootKey(),
  findRootKey: (store) => store.findRootKey(claimOf().id),
  listRootKeys: (store) => store.listRootKeys(),
  claimRootKey: (store) => store.claimRootKey(claimOf()),
  renewClaim: (store) => store.renewClaim(claimOf(), claimOf()),
  activateRootKey: (store) => store.activateRootKey(activeOf()),
  saveAuditHead: (store) =>
    store.saveAuditHead({ instance: 'a', sequence: 1, hash: '0'.repeat(64), savedAt: new Date(0) }),
  listAuditHeads: (store) => store.listAuditHeads(),
  findStore: (store) => store.findStore(),
  createStore: (store) => store.createStore(storeOf()),
  replaceStore: (store) => store.replaceStore(storeOf(), storeOf()),
  ping: (store) => store.ping(),
}

export const lifetimeTests = (open: OpenStore): void => {
  test('answers a ping', async (t) => {
    const store = await open(t)
    await store.ping()
  })

  test('can be closed again and again', async (t) => {
    const store = await open(t)
    await Promise.all([store.close(), store.close()])
    await store.close()
  })

  test('lets what is under way finish when it is closed', async (t) => {
    const store = await open(t)
    const inserts = numbered(10).map((at) => store.insertPrivateKey(rowOf({ pub: `row ${at}` })))
    const outcomes = Promise.allSettled(inserts)
    await store.close()
    assert.deepEqual(tally(await outcomes), { undefined: 10 })
  })

  for (const [name, call] of Object.entries(CALLS)) {
    test(`fails ${name} once it is closed`, async (t) => {
      const store = await open(t)
      await store.close()
      await assert.rejects(call(store), { name: 'KmsError', code: 'store_unavailable' })
    })
  }
}
