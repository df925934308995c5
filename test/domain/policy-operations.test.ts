import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { a256gcmCipher } from '../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { OPERATIONS } from '../../src/domain/caller.ts'
import { compilePolicy } from '../../src/domain/policy.ts'
import type { KeyDescription } from '../../src/domain/private-key.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import type { RequestContext } from '../../src/domain/request-context.ts'
import { openRootKeyring } from '../../src/domain/root-keys/open-root-keyring.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { keyOperations } from '../../src/domain/use-cases/key-operations.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm } from '../support/stub-hsm.ts'

const { callerNamed } = compilePolicy({
  clients: [
    { name: 'user-server', subjects: ['CN=user'], operations: OPERATIONS, sources: ['user'] },
    { name: 'backup-server', subjects: ['CN=backup'], operations: OPERATIONS, sources: ['backup'] },
    {
      name: 'sharing',
      subjects: ['CN=sharing'],
      operations: OPERATIONS,
      sharesDataKeysWith: ['user-server'],
    },
  ],
})

const as = (name: string): RequestContext => ({
  requestId: 'r',
  address: '127.0.0.1',
  caller: callerNamed(name) ?? assert.fail(`no client ${name}`),
})

const setUp = async () => {
  const repository = await openMemoryKeyRepository()
  const { hsm, calls } = stubHsm()
  const keyring = await openRootKeyring({
    hsms: [hsm],
    repository,
    logger: keepingLogger().logger,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: 'test',
    origin: { setting: 'STORE_ANCHOR', mayMake: true },
    startTimeoutMs: 1_000,
  })
  const cipher = a256gcmCipher()
  const operations = keyOperations({ keyring, cipher, repository, clock: systemClock, random: systemRandom })
  const store = async (key: KeyDescription, request: RequestContext): Promise<void> => {
    using prv = SecretBytes.fromUtf8('the private key of this test')
    await operations.storePrivateKey({ ...key, prv }, request)
  }
  const open = async (encryptedKey: string, request: RequestContext): Promise<string> => {
    const { plaintextKey } = await operations.decryptDataKey({ encryptedKey }, request)
    using key = plaintextKey
    return key.bytes.toString('hex')
  }
  return { operations, repository, store, open, calls }
}

const KEY: KeyDescription = { tenant: 'default', pub: 'xpub', source: 'user', coin: 'tbtc', type: 'tss' }
const forbidden = { code: 'forbidden' }
const refused = { code: 'encrypted_key_invalid' }

suite('operations under a policy', () => {
  test('keep the user-key server from backup keys, before the HSM is asked, and the other way round', async () => {
    const { operations, store, calls } = await setUp()
    await store(KEY, as('user-server'))
    await store({ ...KEY, source: 'backup' }, as('backup-server'))
    await assert.rejects(store({ ...KEY, pub: 'other' }, as('backup-server')), forbidden)
    const before = { ...calls }
    await assert.rejects(
      operations.getPrivateKey({ pub: 'xpub', source: 'backup' }, as('user-server')),
      forbidden,
    )
    await assert.rejects(
      operations.getPrivateKey({ pub: 'xpub', source: 'user' }, as('backup-server')),
      forbidden,
    )
    assert.deepEqual(calls, before)
    const { prv } = await operations.getPrivateKey({ pub: 'xpub', source: 'user' }, as('user-server'))
    prv[Symbol.dispose]()
  })

  test("open a data key for its client and those it shares with, and never a row's", async () => {
    const { operations, repository, store, open } = await setUp()
    const generate = async (name: string) => {
      const { plaintextKey, encryptedKey } = await operations.generateDataKey(
        { keyType: 'AES-256' },
        as(name),
      )
      using key = plaintextKey
      return { plaintext: key.bytes.toString('hex'), encryptedKey }
    }
    const own = await generate('user-server')
    assert.equal(await open(own.encryptedKey, as('user-server')), own.plaintext)
    await assert.rejects(open(own.encryptedKey, as('backup-server')), refused)
    await assert.rejects(open(own.encryptedKey, as('sharing')), refused, 'sharing goes one way')
    const shared = await generate('sharing')
    assert.equal(await open(shared.encryptedKey, as('user-server')), shared.plaintext)
    await assert.rejects(open(shared.encryptedKey, as('backup-server')), refused)

    await store(KEY, as('user-server'))
    const row = await repository.findPrivateKey(KEY)
    assert.ok(row !== undefined)
    for (const name of ['user-server', 'backup-server', 'sharing']) {
      await assert.rejects(open(row.encryptedDataKey, as(name)), refused)
    }
  })
})
