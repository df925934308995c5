import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { authenticatedRootKey } from '../../src/domain/integrity/root-key-mac.ts'
import { systemRandom } from '../../src/domain/random.ts'
import { type ActiveRootKey, type ClaimedRootKey, ROOT_KEY_SCOPES } from '../../src/domain/root-key.ts'
import { openRootKeyring, type RootKeyringOptions } from '../../src/domain/root-keys/open-root-keyring.ts'
import { publicKeySha256 } from '../../src/domain/wrapping.ts'
import type { HsmPort } from '../../src/ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../src/ports/key-repository.port.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm, testPrivateKey } from '../support/stub-hsm.ts'

const ID = 'a'.repeat(32)
const START = Date.parse('2030-01-01T00:00:00Z')

/** Time passes only while somebody waits for it. */
const clockwork = () => {
  let now = START
  return {
    clock: () => new Date(now),
    sleep: async (ms: number) => {
      now += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const optionsFor = (
  repository: KeyRepositoryPort,
  hsms: readonly [HsmPort, ...HsmPort[]],
  rest: Partial<RootKeyringOptions> = {},
): RootKeyringOptions => ({
  repository,
  hsms,
  logger: keepingLogger().logger,
  random: systemRandom,
  ...clockwork(),
  owner: 'instance-a',
  startTimeoutMs: 30_000,
  origin: { setting: 'STORE_ANCHOR', mayMake: true },
  ...rest,
})

const claimOf = (owner: string, leaseUntil = START + 5_000): ClaimedRootKey => ({
  state: 'claimed',
  id: ID,
  provider: 'stub',
  scope: 'row-user',
  createdAt: new Date(START),
  owner,
  leaseUntil: new Date(leaseUntil),
})

const row = (rootKey: string, provider = 'stub') => ({
  tenant: 'default',
  pub: 'p',
  source: 'user' as const,
  coin: 'c',
  type: 't',
  encryptedPrv: 'e',
  encryptedDataKey: 'd',
  provider,
  rootKey,
  createdAt: new Date(START),
  version: 1,
  mac: '0'.repeat(64),
})

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(KmsError.is(error, 'start_refused'), String(error))
  assert.match(error.message, pattern)
  return true
}

suite('a start without a root key', () => {
  test('makes one, and the next starts use it', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, calls, sha256Of } = stubHsm()
    const first = await openRootKeyring(optionsFor(repository, [hsm]))
    const { rootKey } = first.wrapping('row-user')
    assert.match(rootKey.id, /^[a-z0-9]{32}$/)
    assert.equal(rootKey.algorithm, 'rsa-oaep-sha256')
    assert.equal(rootKey.publicKeySha256, sha256Of(rootKey.id))
    for (let start = 0; start < 20; start++) {
      const next = await openRootKeyring(optionsFor(repository, [hsm], { owner: `instance-${start}` }))
      assert.deepEqual(next.wrapping('row-user').rootKey, rootKey)
    }
    assert.equal(calls.createRootKey, 3)
    const made = ROOT_KEY_SCOPES.map((scope) => first.wrapping(scope).rootKey)
    assert.equal(new Set(made.map(({ id }) => id)).size, 3)
    assert.deepEqual(await repository.listRootKeys(), made)
  })

  test('finds the padding that the HSM opens', async () => {
    const { hsm } = stubHsm({ opens: 'rsa-oaep-sha1' })
    const current = (await openRootKeyring(optionsFor(await openMemoryKeyRepository(), [hsm]))).wrapping(
      'row-user',
    )
    assert.equal(current.rootKey.algorithm, 'rsa-oaep-sha1')
  })

  test('is refused where no padding opens; the claim is finished by the next start', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects, calls } = stubHsm({ opens: 'rsa-pkcs1-v15' })
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/STUB_PADDING=pkcs1/))
    const right = stubHsm({ opens: 'rsa-pkcs1-v15', candidates: ['rsa-pkcs1-v15'], objects })
    const current = (
      await openRootKeyring(optionsFor(repository, [right.hsm], { owner: 'instance-b' }))
    ).wrapping('row-user')
    assert.equal(current.rootKey.algorithm, 'rsa-pkcs1-v15')
    assert.deepEqual([calls.createRootKey, objects.size], [1, 3])
  })

  test('is not told to set PKCS#1 v1.5 where it is set already', async () => {
    const { hsm } = stubHsm({ opens: 'rsa-oaep-sha256', candidates: ['rsa-pkcs1-v15'] })
    const opening = openRootKeyring(optionsFor(await openMemoryKeyRepository(), [hsm]))
    await assert.rejects(opening, refusal(/rsa-pkcs1-v15, which is what STUB_PADDING allows\.$/))
  })

  test('does not take silence for an answer: a padding is not ruled out by a fault', async () => {
    const { hsm } = stubHsm()
    const unwrap = hsm.unwrapDataKey
    let faults = 2
    hsm.unwrapDataKey = async (...args) => {
      if (faults-- > 0) throw new KmsError('hsm_unavailable')
      return await unwrap(...args)
    }
    const current = (await openRootKeyring(optionsFor(await openMemoryKeyRepository(), [hsm]))).wrapping(
      'row-user',
    )
    assert.equal(current.rootKey.algorithm, 'rsa-oaep-sha256')
  })

  test('waits for an HSM that is not there yet, and gives up in the end', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm } = stubHsm()
    const create = hsm.createRootKey
    hsm.createRootKey = async () => {
      throw new KmsError('hsm_unavailable')
    }
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), { code: 'hsm_unavailable' })
    hsm.createRootKey = create
    await openRootKeyring(optionsFor(repository, [hsm], { owner: 'instance-b' }))
  })

  test('refuses what stands under the claimed name and was not made there, and unwraps nothing with it', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects, calls } = stubHsm()
    await repository.claimRootKey(claimOf('dead', START))
    objects.set(ID, testPrivateKey(0))
    hsm.checkRootKeyOrigin = async () => 'it was not made in the token'
    await assert.rejects(
      openRootKeyring(optionsFor(repository, [hsm])),
      refusal(new RegExp(`${ID}.*not made`)),
    )
    assert.equal(calls.unwrapDataKey, 0)
    assert.equal((await repository.findRootKey(ID))?.state, 'claimed')
  })

  test('refuses what stands under the claimed name and is no RSA-2048 key', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects } = stubHsm()
    await repository.claimRootKey(claimOf('dead', START))
    objects.set(ID, generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/not an RSA-2048 key/))
  })
})

suite('instances that start together', () => {
  test('end with one root key, made once', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, calls, objects } = stubHsm()
    const keyrings = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        openRootKeyring(optionsFor(repository, [hsm], { owner: `instance-${n}` })),
      ),
    )
    assert.equal(new Set(keyrings.map((keyring) => keyring.wrapping('row-user').rootKey.id)).size, 1)
    assert.deepEqual([calls.createRootKey, objects.size], [3, 3])
  })

  test('finish what one that died has left, once its lease is over', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects } = stubHsm()
    await repository.claimRootKey(claimOf('dead'))
    const time = clockwork()
    const current = (await openRootKeyring(optionsFor(repository, [hsm], time))).wrapping('row-user')
    assert.equal(current.rootKey.id, ID)
    assert.ok(time.clock().getTime() >= START + 5_000)
    assert.equal(objects.size, 3)
  })

  test('adopt the key that one that died had made already', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects } = stubHsm({ firstPair: 1 })
    await repository.claimRootKey(claimOf('dead'))
    objects.set(ID, testPrivateKey(0))
    const current = (await openRootKeyring(optionsFor(repository, [hsm]))).wrapping('row-user')
    assert.equal(current.rootKey.publicKeySha256, publicKeySha256(createPublicKey(testPrivateKey(0))))
    assert.equal(objects.size, 3)
  })

  test('are refused where another holds the claim for too long', async () => {
    const repository = await openMemoryKeyRepository()
    await repository.claimRootKey(claimOf('slow', START + 1e9))
    await assert.rejects(
      openRootKeyring(optionsFor(repository, [stubHsm().hsm])),
      refusal(/Another instance \(slow\)/),
    )
  })

  test('are not harmed by one that was only paused past its lease', async () => {
    const repository = await openMemoryKeyRepository()
    const objects = new Map()
    const paused = stubHsm({ objects })
    const going = stubHsm({ objects })
    const create = paused.hsm.createRootKey
    const resume = Promise.withResolvers<void>()
    paused.hsm.createRootKey = async (claim) => {
      await resume.promise
      return await create(claim)
    }
    const sleeper = openRootKeyring(
      optionsFor(repository, [paused.hsm], { owner: 'paused', clock: () => new Date(START) }),
    )
    const time = clockwork()
    await time.sleep(60_000)
    const current = (
      await openRootKeyring(optionsFor(repository, [going.hsm], { ...time, owner: 'going' }))
    ).wrapping('row-user')
    resume.resolve()
    assert.deepEqual((await sleeper).wrapping('row-user').rootKey, current.rootKey)
    assert.equal(objects.size, 3)
  })

  test('destroy the second pair where the vendor allows two of one name', async () => {
    const repository = await openMemoryKeyRepository()
    const second = stubHsm({ firstPair: 1 })
    const destroyed: { id: string; publicKeySha256: string }[] = []
    const winner = publicKeySha256(createPublicKey(testPrivateKey(0)))
    await repository.claimRootKey(claimOf('dead', START))
    const paused = stubHsm()
    const create = second.hsm.createRootKey
    second.hsm.createRootKey = async (claim) => {
      const made = await create(claim)
      // Meanwhile the owner that was paused has activated its own pair.
      await openRootKeyring(optionsFor(repository, [paused.hsm], { owner: 'instance-a' }))
      for (const [id, key] of paused.objects) if (id !== ID) second.objects.set(id, key)
      return made
    }
    const hsm = Object.assign(second.hsm, {
      async destroyRootKey(rootKey: { id: string; publicKeySha256: string }) {
        destroyed.push({ id: rootKey.id, publicKeySha256: rootKey.publicKeySha256 })
        second.objects.set(rootKey.id, testPrivateKey(0))
      },
    })
    const current = (await openRootKeyring(optionsFor(repository, [hsm]))).wrapping('row-user')
    assert.equal(current.rootKey.publicKeySha256, winner)
    assert.deepEqual(destroyed, [
      { id: ID, publicKeySha256: publicKeySha256(createPublicKey(testPrivateKey(1))) },
    ])
  })
})

suite('a start with a root key', () => {
  const started = async () => {
    const repository = await openMemoryKeyRepository()
    const stub = stubHsm()
    const current = (await openRootKeyring(optionsFor(repository, [stub.hsm]))).wrapping('row-user')
    return { repository, ...stub, id: current.rootKey.id }
  }

  test('is refused if the HSM does not know it', async () => {
    const { repository, id } = await started()
    await assert.rejects(openRootKeyring(optionsFor(repository, [stubHsm().hsm])), refusal(new RegExp(id)))
  })

  test('is refused if its public half is another one', async () => {
    const { repository, hsm, objects, id } = await started()
    objects.set(id, testPrivateKey(1))
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/not the one on record/))
  })

  test('is refused if the private half is not as it was made', async () => {
    const { repository, hsm, id } = await started()
    const asked: object[] = []
    hsm.checkRootKeyOrigin = async (origin) => {
      asked.push(origin)
      return 'it can be exported'
    }
    const { publicKeySha256 } = (await repository.findRootKey(id)) as ActiveRootKey
    await assert.rejects(
      openRootKeyring(optionsFor(repository, [hsm])),
      refusal(new RegExp(`${id} .*: it can be exported\\.$`)),
    )
    assert.deepEqual(asked, [{ id, publicKeySha256 }])
  })

  test('is refused if the HSM no longer opens what it wraps', async () => {
    const { repository, hsm } = await started()
    hsm.unwrapDataKey = stubHsm({ opens: 'rsa-oaep-sha1' }).hsm.unwrapDataKey
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/does not open/))
  })

  test('is refused if the configured padding is not its own', async () => {
    const { repository, objects } = await started()
    const { hsm } = stubHsm({ objects, candidates: ['rsa-pkcs1-v15'] })
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/STUB_PADDING/))
  })

  test('is refused if rows name a root key that the store does not know', async () => {
    const { repository, hsm } = await started()
    await repository.insertPrivateKey(row('z'.repeat(32)))
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/no record of: z{32}/))
  })

  test('is refused in a store that has rows and no root key, and none is made', async () => {
    const repository = await openMemoryKeyRepository()
    await repository.insertPrivateKey(row(ID))
    const { hsm, calls } = stubHsm()
    await assert.rejects(openRootKeyring(optionsFor(repository, [hsm])), refusal(/no record of/))
    assert.equal(calls.createRootKey, 0)
  })
})

const renamed = (rootKey: ActiveRootKey, change: Partial<ActiveRootKey>): ActiveRootKey => ({
  ...rootKey,
  ...change,
})

suite('a root key in use', () => {
  /** A store whose root keys can be altered behind the service's back. */
  const alterable = async () => {
    const repository = await openMemoryKeyRepository()
    const altered = new Map<string, ActiveRootKey>()
    const findRootKey = async (id: string) => altered.get(id) ?? (await repository.findRootKey(id))
    const store: KeyRepositoryPort = new Proxy(repository, {
      get: (target, name) => {
        if (name === 'findRootKey') return findRootKey
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return { store, altered }
  }

  test('is what the start verified, whatever the store says of it later', async () => {
    const { store, altered } = await alterable()
    const old = stubHsm({ provider: 'old' })
    const { rootKey } = (await openRootKeyring(optionsFor(store, [old.hsm]))).wrapping('row-user')
    const young = stubHsm({ provider: 'young', firstPair: 1 })
    const keyring = await openRootKeyring(optionsFor(store, [young.hsm, old.hsm]))
    altered.set(rootKey.id, renamed(rootKey, { algorithm: 'rsa-oaep-sha1', publicKeySha256: '0'.repeat(64) }))
    assert.deepEqual((await keyring.find(rootKey.id, 'row-user'))?.rootKey, rootKey)
  })

  test('that another instance activated after the start is found, unless its padding is ruled out, or this service did not record it', async () => {
    const { store, altered } = await alterable()
    const { hsm } = stubHsm()
    const keyring = await openRootKeyring(optionsFor(store, [hsm]))
    const recorded = (change: Partial<ActiveRootKey>): ActiveRootKey =>
      authenticatedRootKey(
        keyring.integrity,
        renamed(keyring.wrapping('row-user').rootKey, { id: ID, ...change }),
      )
    const later = recorded({})
    altered.set(ID, recorded({ algorithm: 'rsa-pkcs1-v15' }))
    assert.equal(await keyring.find(ID, 'row-user'), undefined)
    for (const change of [{ mac: '0'.repeat(64) }, { createdAt: new Date(0) }, { provider: 'old' }]) {
      altered.set(ID, renamed(later, change))
      assert.equal(await keyring.find(ID, 'row-user'), undefined)
    }
    altered.set(ID, later)
    assert.deepEqual((await keyring.find(ID, 'row-user'))?.rootKey, later)
  })
})

suite('the scopes of root keys', () => {
  test('have a key each, and what one wraps is not looked for in another', async () => {
    const { hsm } = stubHsm()
    const keyring = await openRootKeyring(optionsFor(await openMemoryKeyRepository(), [hsm]))
    for (const scope of ROOT_KEY_SCOPES) {
      const { rootKey } = keyring.wrapping(scope)
      assert.equal(rootKey.scope, scope)
      for (const other of ROOT_KEY_SCOPES) {
        assert.deepEqual(
          (await keyring.find(rootKey.id, other))?.rootKey,
          scope === other ? rootKey : undefined,
        )
      }
    }
  })

  test('are authenticated: a record that was given another scope stops the start', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm } = stubHsm()
    await openRootKeyring(optionsFor(repository, [hsm]))
    const rootKeys = await repository.listRootKeys()
    const swapped = { 'row-user': 'client', client: 'row-user', 'row-backup': 'row-backup' } as const
    repository.listRootKeys = async () => rootKeys.map((key) => ({ ...key, scope: swapped[key.scope] }))
    await assert.rejects(
      openRootKeyring(optionsFor(repository, [hsm])),
      refusal(/not one that this service wrote/),
    )
  })

  test('with two active keys stop the start, naming both', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm, objects } = stubHsm()
    const [rootKey] = [(await openRootKeyring(optionsFor(repository, [hsm]))).wrapping('client').rootKey]
    const rootKeys = await repository.listRootKeys()
    objects.set(ID, testPrivateKey(0))
    repository.listRootKeys = async () => [...rootKeys, renamed(rootKey, { id: ID })]
    await assert.rejects(
      openRootKeyring(optionsFor(repository, [hsm])),
      refusal(new RegExp(`two active root keys of stub for client: ${rootKey.id} and ${ID}`)),
    )
  })
})

suite('two providers', () => {
  test('one writes and both are found; without the other its root keys are unavailable, not unknown', async () => {
    const repository = await openMemoryKeyRepository()
    const old = stubHsm({ provider: 'old' })
    const before = (await openRootKeyring(optionsFor(repository, [old.hsm]))).wrapping('row-user')
    const young = stubHsm({ provider: 'young', firstPair: 1 })
    const both = await openRootKeyring(optionsFor(repository, [young.hsm, old.hsm]))
    assert.equal(both.wrapping('row-user').rootKey.provider, 'young')
    assert.equal((await both.find(before.rootKey.id, 'row-user'))?.hsm, old.hsm)
    assert.equal(await both.find('z'.repeat(32), 'row-user'), undefined)

    const { logger, lines } = keepingLogger()
    const alone = await openRootKeyring(optionsFor(repository, [young.hsm], { logger }))
    assert.equal(alone.wrapping('row-user').rootKey.id, both.wrapping('row-user').rootKey.id)
    await assert.rejects(alone.find(before.rootKey.id, 'row-user'), { code: 'provider_unavailable' })
    assert.ok(lines.some(({ level, fields }) => level === 'warn' && fields.provider === 'old'))
  })

  test('a claim is not a root key that anything was wrapped with', async () => {
    const repository = await openMemoryKeyRepository()
    const { hsm } = stubHsm({ provider: 'other' })
    await repository.claimRootKey(claimOf('dead'))
    const keyring = await openRootKeyring(optionsFor(repository, [hsm]))
    assert.equal(await keyring.find(ID, 'row-user'), undefined)
  })
})
