import assert from 'node:assert/strict'
import { test } from 'node:test'
import { activeOf, claimOf, numbered, type OpenStore, rootKeyId } from './samples.ts'

const RACERS = 10
const LATER = new Date('2026-01-02T03:05:00.001Z')
const EVEN_LATER = new Date('2026-01-02T03:06:00.002Z')

export const claimTests = (open: OpenStore): void => {
  test('finds a claim as it was made, with and without a place', async (t) => {
    const store = await open(t)
    assert.equal(await store.findRootKey(rootKeyId('a')), undefined)
    assert.deepEqual(await store.listRootKeys(), [])
    const claims = [
      claimOf(),
      claimOf({ id: rootKeyId('b'), provider: 'pkcs11', place: 'hsm-2.internal:4433' }),
    ]
    for (const claim of claims) {
      assert.deepEqual(await store.claimRootKey(claim), claim)
      assert.deepEqual(await store.findRootKey(claim.id), claim)
    }
    assert.deepEqual(await store.listRootKeys(), claims)
  })

  test('gives whoever comes second the claim or the root key that came first', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    const second = claimOf({ id: rootKeyId('b'), owner: 'instance-2', leaseUntil: LATER })
    assert.deepEqual(await store.claimRootKey(second), claimOf())
    assert.deepEqual(await store.claimRootKey(claimOf({ owner: 'instance-2' })), claimOf())
    await store.activateRootKey(activeOf())
    assert.deepEqual(await store.claimRootKey(second), activeOf())
    assert.equal(await store.findRootKey(second.id), undefined)
    assert.deepEqual(await store.listRootKeys(), [activeOf()])
  })

  test(`${RACERS} racing claims end with one`, async (t) => {
    const store = await open(t)
    const claims = numbered(RACERS).map((at) =>
      claimOf({ id: rootKeyId(String(at)), owner: `instance-${at}` }),
    )
    const held = await Promise.all(claims.map((claim) => store.claimRootKey(claim)))
    const stored = await store.listRootKeys()
    assert.equal(stored.length, 1)
    assert.ok(claims.some(({ id }) => id === stored[0]?.id))
    for (const each of held) assert.deepEqual(each, stored[0])
  })

  test('keeps the providers apart, and refuses an id that another one has', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    await assert.rejects(store.claimRootKey(claimOf({ provider: 'pkcs11' })), Error)
    assert.deepEqual(await store.listRootKeys(), [claimOf()])
    const other = claimOf({ id: rootKeyId('b'), provider: 'pkcs11' })
    assert.deepEqual(await store.claimRootKey(other), other)
    assert.deepEqual(await store.listRootKeys(), [claimOf(), other])
  })

  test('keeps the scopes of a provider apart, and refuses an id that another one has', async (t) => {
    const store = await open(t)
    const scopes = ['row-user', 'row-backup', 'client'] as const
    const claims = scopes.map((scope, at) => claimOf({ scope, id: rootKeyId(String(at)) }))
    for (const claim of claims) assert.deepEqual(await store.claimRootKey(claim), claim)
    for (const claim of claims) {
      assert.deepEqual(await store.claimRootKey({ ...claim, id: rootKeyId('z') }), claim)
    }
    await assert.rejects(
      store.claimRootKey(claimOf({ scope: 'client', provider: 'pkcs11', id: rootKeyId('0') })),
      Error,
    )
    assert.deepEqual(await store.listRootKeys(), claims)
  })

  test('lists root keys in the order of their claims, whenever they were activated', async (t) => {
    const store = await open(t)
    const second = claimOf({ id: rootKeyId('0'), provider: 'pkcs11', createdAt: LATER })
    await store.claimRootKey(claimOf())
    await store.claimRootKey(second)
    const activated = activeOf({ createdAt: EVEN_LATER })
    await store.activateRootKey(activated)
    assert.deepEqual(await store.listRootKeys(), [activated, second])
  })

  test('gives a claim a new owner and lease, and keeps its id, time and place', async (t) => {
    const store = await open(t)
    const claim = claimOf({ place: 'hsm-1' })
    await store.claimRootKey(claim)
    const renewed = { ...claim, owner: 'instance-2', leaseUntil: LATER }
    assert.deepEqual(await store.renewClaim(claim, { owner: 'instance-2', leaseUntil: LATER }), renewed)
    assert.deepEqual(await store.findRootKey(claim.id), renewed)
  })

  test('renews nothing for whoever expects an older owner or lease', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    for (const stale of [claimOf({ owner: 'instance-2' }), claimOf({ leaseUntil: LATER })]) {
      assert.deepEqual(await store.renewClaim(stale, { owner: 'thief', leaseUntil: EVEN_LATER }), claimOf())
    }
    assert.deepEqual(await store.findRootKey(claimOf().id), claimOf())
  })

  test(`lets one of ${RACERS} racing takeovers win`, async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    const held = await Promise.all(
      numbered(RACERS).map((at) =>
        store.renewClaim(claimOf(), { owner: `instance-${at + 10}`, leaseUntil: LATER }),
      ),
    )
    const stored = await store.findRootKey(claimOf().id)
    assert.ok(stored?.state === 'claimed' && stored.owner !== claimOf().owner)
    for (const each of held) assert.deepEqual(each, stored)
  })

  test('refuses to renew or to activate what was never claimed', async (t) => {
    const store = await open(t)
    await assert.rejects(store.renewClaim(claimOf(), { owner: 'a', leaseUntil: LATER }), Error)
    await assert.rejects(store.activateRootKey(activeOf()), Error)
    assert.deepEqual(await store.listRootKeys(), [])
  })

  test('activates a claim once: the first decides, and again is the same', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf({ place: 'hsm-1' }))
    assert.deepEqual(await store.activateRootKey(activeOf()), activeOf())
    assert.deepEqual(await store.activateRootKey(activeOf()), activeOf())
    const other = activeOf({
      publicKeySha256: 'f'.repeat(64),
      algorithm: 'rsa-oaep-sha1',
      createdAt: LATER,
    })
    assert.deepEqual(await store.activateRootKey(other), activeOf())
    assert.deepEqual(await store.findRootKey(claimOf().id), activeOf())
    assert.deepEqual(await store.listRootKeys(), [activeOf()])
  })

  test(`lets one of ${RACERS} racing activations decide`, async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    const candidates = numbered(RACERS).map((at) => activeOf({ publicKeySha256: String(at).repeat(64) }))
    const held = await Promise.all(candidates.map((candidate) => store.activateRootKey(candidate)))
    const stored = await store.findRootKey(claimOf().id)
    assert.equal(stored?.state, 'active')
    for (const each of held) assert.deepEqual(each, stored)
  })

  test('after a takeover the first to activate decides, old owner or new: the store does not ask', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    await store.renewClaim(claimOf(), { owner: 'instance-2', leaseUntil: LATER })
    const first = activeOf({ publicKeySha256: '1'.repeat(64) })
    assert.deepEqual(await store.activateRootKey(first), first)
    assert.deepEqual(await store.activateRootKey(activeOf({ publicKeySha256: '2'.repeat(64) })), first)
  })

  test('an active root key has no lease: renewing changes nothing', async (t) => {
    const store = await open(t)
    await store.claimRootKey(claimOf())
    await store.activateRootKey(activeOf())
    assert.deepEqual(
      await store.renewClaim(claimOf(), { owner: 'instance-2', leaseUntil: LATER }),
      activeOf(),
    )
    assert.deepEqual(await store.findRootKey(claimOf().id), activeOf())
  })

  test('shares no root key with its callers', async (t) => {
    const store = await open(t)
    const claim = claimOf()
    const held = await store.claimRootKey(claim)
    claim.leaseUntil.setTime(0)
    held.createdAt.setTime(0)
    const found = await store.findRootKey(claimOf().id)
    assert.deepEqual(found, claimOf())
    found?.createdAt.setTime(0)
    assert.deepEqual(await store.listRootKeys(), [claimOf()])
  })
}
