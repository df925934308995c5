import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { auditedOperations } from '../../src/domain/audited-operations.ts'
import { type Caller, UNRESTRICTED } from '../../src/domain/caller.ts'
import { KmsError } from '../../src/domain/errors.ts'
import type { KeyOperations } from '../../src/domain/operations.ts'
import type { KeyDescription, Source } from '../../src/domain/private-key.ts'
import type { RequestContext } from '../../src/domain/request-context.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import type { AuditEntry, AuditLogPort } from '../../src/ports/audit-log.port.ts'

const KEY: KeyDescription = { tenant: 'default', pub: 'xpub', source: 'user', coin: 'tbtc', type: 'tss' }
const SECRET = 'the private key of this test'
const ROOT_KEY = 'r'.repeat(32)
const CLIENT = { fingerprint: 'ab'.repeat(32), subject: 'CN=wallet' }
const HASHES = { envelopeSha256: 'e'.repeat(64), tokenSha256: 'f'.repeat(64) }

/** Operations that tell when they ran, over a log that tells what it was told. */
const setUp = (failure?: unknown) => {
  const events: (string | AuditEntry)[] = []
  const secrets: SecretBytes[] = []
  const state = { failsFrom: Number.POSITIVE_INFINITY, entries: 0 }
  const run = <T>(name: string, result: () => T): Promise<T> => {
    events.push(name)
    if (failure !== undefined) return Promise.reject(failure)
    return Promise.resolve(result())
  }
  const secret = (): SecretBytes => {
    const made = SecretBytes.fromUtf8(SECRET)
    secrets.push(made)
    return made
  }
  const inner: KeyOperations = {
    storePrivateKey: () => run('store', () => ({ key: KEY, rootKeyId: ROOT_KEY, ...HASHES })),
    getPrivateKey: () => run('get', () => ({ key: KEY, rootKeyId: ROOT_KEY, prv: secret() })),
    generateDataKey: () =>
      run('generate', () => ({ plaintextKey: secret(), encryptedKey: 'token', rootKeyId: ROOT_KEY })),
    decryptDataKey: () => run('decrypt', () => ({ plaintextKey: secret(), rootKeyId: ROOT_KEY })),
  }
  const audit: AuditLogPort = {
    async record(entry) {
      await Promise.resolve()
      if (state.entries++ >= state.failsFrom) throw new KmsError('audit_unavailable')
      events.push(entry)
    },
    countRefusal: () => undefined,
    close: () => Promise.resolve(),
  }
  return { operations: auditedOperations(inner, audit), events, secrets, state }
}

const requestOf = (caller: Caller = { ...UNRESTRICTED, owner: 'wallet' }): RequestContext => ({
  requestId: 'request-1',
  address: '10.0.0.1',
  client: CLIENT,
  caller,
})
const REFUSING: Caller = {
  ...UNRESTRICTED,
  owner: 'wallet',
  authorize: () => {
    throw new KmsError('forbidden')
  },
}

const CALLS = {
  storePrivateKey: async (operations: KeyOperations, request = requestOf()) => {
    using prv = SecretBytes.fromUtf8(SECRET)
    return await operations.storePrivateKey({ ...KEY, prv }, request)
  },
  getPrivateKey: async (operations: KeyOperations, request = requestOf()) =>
    await operations.getPrivateKey({ pub: 'xpub', source: 'user' }, request),
  generateDataKey: async (operations: KeyOperations, request = requestOf()) =>
    await operations.generateDataKey({ keyType: 'AES-256' }, request),
  decryptDataKey: async (operations: KeyOperations, request = requestOf()) =>
    await operations.decryptDataKey({ encryptedKey: 'token' }, request),
} as const
const READS = ['getPrivateKey', 'generateDataKey', 'decryptDataKey'] as const
const NAMES = ['storePrivateKey', ...READS] as const

const IDENTITY = { identity: { tenant: 'default', pub: 'xpub', source: 'user' } }
const commonOf = (operation: (typeof NAMES)[number]) => ({
  requestId: 'request-1',
  address: '10.0.0.1',
  client: CLIENT,
  owner: 'wallet',
  operation,
  ...(operation.endsWith('PrivateKey') ? IDENTITY : {}),
})

suite('audited operations', () => {
  for (const name of READS) {
    test(`give out what ${name} gives after it is on record`, async () => {
      const { operations, events, secrets } = setUp()
      await CALLS[name](operations)
      assert.deepEqual(events.slice(1), [
        { ...commonOf(name), phase: 'outcome', allowed: true, outcome: 'ok', rootKeyId: ROOT_KEY },
      ])
      assert.equal(secrets[0]?.bytes.toString(), SECRET, 'the receiver gets it whole')
    })

    test(`wipe what ${name} gives where it can't be put on record`, async () => {
      const { operations, state, secrets } = setUp()
      state.failsFrom = 0
      await assert.rejects(CALLS[name](operations), { code: 'audit_unavailable' })
      assert.throws(() => secrets[0]?.bytes, /disposed/)
    })
  }

  test('store a key between its intent and its outcome', async () => {
    const { operations, events } = setUp()
    const common = commonOf('storePrivateKey')
    await CALLS.storePrivateKey(operations)
    assert.deepEqual(events, [
      { ...common, phase: 'intent', allowed: true },
      'store',
      { ...common, phase: 'outcome', allowed: true, outcome: 'ok', rootKeyId: ROOT_KEY, ...HASHES },
    ])
  })

  test('store nothing whose intent is not on record', async () => {
    const { operations, events, state } = setUp()
    state.failsFrom = 0
    await assert.rejects(CALLS.storePrivateKey(operations), { code: 'audit_unavailable' })
    assert.deepEqual(events, [])
  })

  test('do not claim that a key was stored where only its intent is on record', async () => {
    const { operations, events, state } = setUp()
    state.failsFrom = 1
    await assert.rejects(CALLS.storePrivateKey(operations), {
      code: 'audit_unavailable',
      message: /was stored, but/,
      subject: { tenant: 'default', pub: 'xpub', source: 'user', rootKeyId: ROOT_KEY, ...HASHES },
    })
    assert.equal(events.length, 2)
  })

  for (const name of NAMES) {
    test(`put a failure of ${name} on record, and let it through as it is`, async () => {
      for (const failure of [new KmsError('hsm_unavailable'), new TypeError('a mistake')]) {
        const { operations, events } = setUp(failure)
        await assert.rejects(CALLS[name](operations), failure)
        const outcome = KmsError.is(failure) ? failure.code : 'internal_error'
        assert.deepEqual(events.at(-1), { ...commonOf(name), phase: 'outcome', allowed: true, outcome })
      }
    })

    test(`put a denial of ${name} on record`, async () => {
      const { operations, events } = setUp(new KmsError('forbidden'))
      await assert.rejects(CALLS[name](operations, requestOf(REFUSING)), { code: 'forbidden' })
      assert.deepEqual(events.at(-1), {
        ...commonOf(name),
        phase: 'outcome',
        allowed: false,
        outcome: 'forbidden',
      })
    })

    test(`refuse a failure of ${name} that can't be put on record`, async () => {
      const { operations, state } = setUp(new KmsError('forbidden'))
      state.failsFrom = name === 'storePrivateKey' ? 1 : 0
      await assert.rejects(CALLS[name](operations), { code: 'audit_unavailable' })
    })
  }

  test('make no intent for what is not attempted', async () => {
    const { operations, events } = setUp()
    using prv = SecretBytes.fromUtf8(SECRET)
    const invalid = operations.storePrivateKey({ ...KEY, coin: '', prv }, requestOf())
    await assert.rejects(invalid, { code: 'validation_failed' })
    await assert.rejects(CALLS.storePrivateKey(operations, requestOf(REFUSING)), { code: 'forbidden' })
    const common = { ...commonOf('storePrivateKey'), phase: 'outcome' }
    assert.deepEqual(events, [
      { ...common, outcome: 'validation_failed' },
      { ...common, allowed: false, outcome: 'forbidden' },
    ])
  })

  test('put no malformed identity on record, and never key material', async () => {
    const { operations, events } = setUp()
    using prv = SecretBytes.fromUtf8(SECRET)
    const identities = [
      { pub: 'x'.repeat(2_000), source: 'user' },
      { pub: 'line\nbreak', source: 'user' },
      { pub: 'xpub', source: 'bitgo' as Source },
    ] as const
    for (const identity of identities) {
      await assert.rejects(operations.storePrivateKey({ ...KEY, ...identity, prv }, requestOf()))
      await operations.getPrivateKey(identity, requestOf())
    }
    await CALLS.storePrivateKey(operations)
    const entries = events.filter((event) => typeof event !== 'string')
    assert.ok(entries.slice(0, 6).every(({ identity }) => identity === undefined))
    assert.ok(!JSON.stringify(events).includes(SECRET))
  })
})
