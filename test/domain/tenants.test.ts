import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { a256gcmCipher } from '../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import type { Caller } from '../../src/domain/caller.ts'
import { compilePolicy, type PolicyClient } from '../../src/domain/policy.ts'
import { policyProblems } from '../../src/domain/policy-problems.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import { openRootKeyring } from '../../src/domain/root-keys/open-root-keyring.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { keyOperations } from '../../src/domain/use-cases/key-operations.ts'
import type { PrivateKeyRow } from '../../src/ports/key-repository.port.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm } from '../support/stub-hsm.ts'

const OPERATIONS = ['storePrivateKey', 'getPrivateKey', 'generateDataKey', 'decryptDataKey'] as const
const KEY = { pub: 'xpub', source: 'user', coin: 'tbtc', type: 'tss' } as const

const clientOf = (name: string, at: number, more: Partial<PolicyClient> = {}): PolicyClient => ({
  name,
  fingerprints: [String(at).repeat(64)],
  operations: OPERATIONS,
  ...more,
})

const setUp = async () => {
  const repository = await openMemoryKeyRepository()
  let planted: PrivateKeyRow | undefined
  const keyring = await openRootKeyring({
    hsms: [stubHsm().hsm],
    repository,
    logger: keepingLogger().logger,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: 'test',
    origin: { setting: 'STORE_ANCHOR', mayMake: true },
    startTimeoutMs: 1_000,
  })
  const operations = keyOperations({
    keyring,
    cipher: a256gcmCipher(),
    clock: systemClock,
    random: systemRandom,
    repository: {
      insertPrivateKey: (row) => repository.insertPrivateKey(row),
      findPrivateKey: async (identity) => planted ?? (await repository.findPrivateKey(identity)),
    },
  })
  const policy = compilePolicy({
    clients: [
      clientOf('a', 1, { tenant: 'customer-a' }),
      clientOf('b', 2, { tenant: 'customer-b' }),
      clientOf('plain', 3),
    ],
  })
  const as = (name: string) => ({
    requestId: 'r',
    address: '127.0.0.1',
    caller: policy.callerNamed(name) as Caller,
  })
  const store = async (name: string, text: string) => {
    using prv = SecretBytes.fromUtf8(text)
    return await operations.storePrivateKey({ ...KEY, prv }, as(name))
  }
  const read = async (name: string): Promise<string> => {
    const { prv } = await operations.getPrivateKey({ pub: KEY.pub, source: KEY.source }, as(name))
    using secret = prv
    return secret.bytes.toString()
  }
  return { repository, operations, as, store, read, plant: (row: PrivateKeyRow) => (planted = row) }
}

suite('tenants', () => {
  test('share no key, and do not block each other', async () => {
    const { store, read } = await setUp()
    await store('a', "a's key")
    for (const other of ['b', 'plain']) {
      await assert.rejects(read(other), {
        code: 'private_key_not_found',
        message: 'No private key is stored for this pub and source.',
        subject: {},
      })
    }
    await store('b', "b's key")
    await store('plain', "another's key")
    assert.deepEqual(
      [await read('a'), await read('b'), await read('plain')],
      ["a's key", "b's key", "another's key"],
    )
    await assert.rejects(store('a', 'x'), { code: 'private_key_exists' })
  })

  test('a row moved to another tenant does not open there', async () => {
    const { store, read, repository, plant } = await setUp()
    await store('a', "a's key")
    const row = await repository.findPrivateKey({ tenant: 'customer-a', ...KEY })
    assert.ok(row !== undefined)
    plant({ ...row, tenant: 'customer-b' })
    await assert.rejects(read('b'), { code: 'integrity_failure' })
  })

  test("open no data key of each other's", async () => {
    const { operations, as } = await setUp()
    const { encryptedKey, plaintextKey } = await operations.generateDataKey({ keyType: 'AES-256' }, as('a'))
    plaintextKey[Symbol.dispose]()
    await assert.rejects(operations.decryptDataKey({ encryptedKey }, as('b')), {
      code: 'encrypted_key_invalid',
    })
    const opened = await operations.decryptDataKey({ encryptedKey }, as('a'))
    opened.plaintextKey[Symbol.dispose]()
  })

  test('share no data keys, by policy', () => {
    const sharing = clientOf('a', 1, { tenant: 'customer-a', sharesDataKeysWith: ['b'] })
    assert.deepEqual(policyProblems({ clients: [sharing, clientOf('b', 2)] }), [
      'client a shares its data keys with b, which is of another tenant',
    ])
    assert.deepEqual(policyProblems({ clients: [sharing, clientOf('b', 2, { tenant: 'customer-a' })] }), [])
  })
})
