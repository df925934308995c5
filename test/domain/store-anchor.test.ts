import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { ANCHOR_FORM } from '../../src/domain/integrity/integrity-key.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import { type ActiveRootKey, ROOT_KEY_SCOPES } from '../../src/domain/root-key.ts'
import { openRootKeyring, type StoreOrigin } from '../../src/domain/root-keys/open-root-keyring.ts'
import type { StoreRecord } from '../../src/domain/store-record.ts'
import type { HsmPort } from '../../src/ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../src/ports/key-repository.port.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm } from '../support/stub-hsm.ts'

const open = (repository: KeyRepositoryPort, hsm: HsmPort, origin: Partial<StoreOrigin> = {}) =>
  openRootKeyring({
    hsms: [hsm],
    repository,
    logger: keepingLogger().logger,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: 'test',
    startTimeoutMs: 1_000,
    origin: { setting: 'STORE_ANCHOR', mayMake: false, ...origin },
  })

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(KmsError.is(error, 'start_refused'), String(error))
  assert.match(error.message, pattern)
  return true
}

const initialized = async () => {
  const repository = await openMemoryKeyRepository()
  const stub = stubHsm()
  const { store } = await open(repository, stub.hsm, { mayMake: true })
  return { repository, ...stub, anchor: store.anchor }
}

/** What the store says of itself, altered behind the service's back. */
const altered = (
  repository: KeyRepositoryPort,
  { store, rootKey }: { store?: Partial<StoreRecord>; rootKey?: Partial<ActiveRootKey> },
): KeyRepositoryPort =>
  new Proxy(repository, {
    get(target, name) {
      if (name === 'findStore') return async () => ({ ...(await target.findStore()), ...store })
      if (name === 'listRootKeys')
        return async () => (await target.listRootKeys()).map((each) => ({ ...each, ...rootKey }))
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

suite('the store anchor', () => {
  test('has its form, is the same at every start, and belongs to one store', async () => {
    const one = await initialized()
    const other = await initialized()
    assert.match(one.anchor, ANCHOR_FORM)
    assert.notEqual(one.anchor, other.anchor)
    const { store } = await open(one.repository, one.hsm, { anchor: one.anchor })
    assert.equal(store.anchor, one.anchor)
  })

  test('of another store refuses the start, naming the setting', async () => {
    const one = await initialized()
    const { anchor } = await initialized()
    await assert.rejects(open(one.repository, one.hsm, { anchor }), refusal(/not that of STORE_ANCHOR/))
    await assert.rejects(
      open(one.repository, one.hsm, { anchor, mayMake: true }),
      refusal(/not that of STORE_ANCHOR/),
    )
  })

  test('refuses an emptied store, in which nothing is made', async () => {
    const { anchor } = await initialized()
    const emptied = await openMemoryKeyRepository()
    const { hsm, calls } = stubHsm()
    for (const mayMake of [false, true]) {
      await assert.rejects(open(emptied, hsm, { anchor, mayMake }), refusal(/not that of STORE_ANCHOR/))
    }
    assert.equal(calls.createRootKey, 0)
    assert.equal(await emptied.findStore(), undefined)
  })

  test('is asked for before a start makes anything', async () => {
    const { hsm, calls } = stubHsm()
    await assert.rejects(open(await openMemoryKeyRepository(), hsm), refusal(/STORE_ANCHOR/))
    assert.equal(calls.createRootKey, 0)
  })

  test('does not open a store whose records were altered', async () => {
    const { repository, hsm, anchor } = await initialized()
    const record = (await repository.findStore()) ?? assert.fail('no record')
    const other = await initialized()
    const otherRecord = (await other.repository.findStore()) ?? assert.fail('no record')
    for (const [store, pattern] of [
      [{ id: '0'.repeat(32) }, /altered/],
      [{ state: 'finished' }, /altered/],
      [{ createdAt: new Date(0) }, /altered/],
      [{ mac: '0'.repeat(64) }, /altered/],
      [{ integrityKeys: [] }, /No root key of this store opens its integrity key/],
      [{ integrityKeys: otherRecord.integrityKeys }, /No root key of this store opens its integrity key/],
      [{ integrityKeys: record.integrityKeys.map((each) => ({ ...each, token: 'x' })) }, /altered/],
    ] as const satisfies readonly (readonly [Partial<StoreRecord>, RegExp])[]) {
      await assert.rejects(open(altered(repository, { store }), hsm, { anchor }), refusal(pattern))
    }
    for (const rootKey of [{ mac: '0'.repeat(64) }, { createdAt: new Date(0) }]) {
      await assert.rejects(
        open(altered(repository, { rootKey }), hsm, { anchor }),
        refusal(/record of root key [a-z0-9]{32} is not one that this service wrote/),
      )
    }
  })

  test('does not pass for a store made anew with the same HSM', async () => {
    const { hsm, anchor } = await initialized()
    const planted = await openMemoryKeyRepository()
    await open(planted, hsm, { mayMake: true })
    await assert.rejects(open(planted, hsm, { anchor }), refusal(/it has another anchor/))
  })
})

suite('a ceremony that was interrupted', () => {
  for (const method of ['createStore', 'activateRootKey'] as const) {
    for (const when of ['before', 'after'] as const) {
      test(`${when} ${method} is finished by the next one, with one root key and one anchor`, async () => {
        const repository = await openMemoryKeyRepository()
        const { hsm, objects } = stubHsm()
        const dying: KeyRepositoryPort = new Proxy(repository, {
          get(target, name) {
            const value = Reflect.get(target, name)
            if (typeof value !== 'function') return value
            return async (...input: unknown[]) => {
              if (name !== method) return value.apply(target, input)
              if (when === 'after') await value.apply(target, input)
              throw new Error('killed')
            }
          },
        })
        await assert.rejects(open(dying, hsm, { mayMake: true }), { message: 'killed' })
        const keyring = await open(repository, hsm, { mayMake: true })
        const { store } = keyring
        assert.equal(objects.size, 3)
        assert.deepEqual(
          (await repository.listRootKeys()).map(({ id, state }) => [id, state]),
          ROOT_KEY_SCOPES.map((scope) => [keyring.wrapping(scope).rootKey.id, 'active']),
        )
        assert.equal((await open(repository, hsm, { anchor: store.anchor })).store.anchor, store.anchor)
      })
    }
  }
})
