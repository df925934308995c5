import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { a256gcmCipher } from '../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { type Caller, type OperationName, UNRESTRICTED } from '../../src/domain/caller.ts'
import { KmsError } from '../../src/domain/errors.ts'
import type { KeyDescription } from '../../src/domain/private-key.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import type { RequestContext } from '../../src/domain/request-context.ts'
import { openRootKeyring } from '../../src/domain/root-keys/open-root-keyring.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { keyOperations } from '../../src/domain/use-cases/key-operations.ts'
import { wrapDataKey } from '../../src/domain/use-cases/wrap-data-key.ts'
import { clientBinding } from '../../src/domain/wrapped-data-key.ts'
import type { PrivateKeyRow } from '../../src/ports/key-repository.port.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm } from '../support/stub-hsm.ts'

const KEY: KeyDescription = { tenant: 'default', pub: 'xpub/+a==', source: 'user', coin: 'tbtc', type: 'tss' }
const OTHER: KeyDescription = {
  tenant: 'default',
  pub: 'xpub-other',
  source: 'user',
  coin: 'tbtc',
  type: 'tss',
}
const PRV = 'xprv of the test, known nowhere else'

const requestOf = (caller: Caller = UNRESTRICTED): RequestContext => ({
  requestId: 'r',
  address: '127.0.0.1',
  caller,
})

/** Another GCM key for every row, so that altered envelopes are cheap to try. */
const setUp = async () => {
  const repository = await openMemoryKeyRepository()
  const rows = new Map<string, PrivateKeyRow>()
  const stub = stubHsm()
  const keyring = await openRootKeyring({
    hsms: [stub.hsm],
    repository,
    logger: keepingLogger().logger,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: 'test',
    origin: { setting: 'STORE_ANCHOR', mayMake: true },
    startTimeoutMs: 1_000,
  })
  const idOf = ({ pub, source }: Pick<KeyDescription, 'pub' | 'source'>): string => `${source}:${pub}`
  const operations = keyOperations({
    keyring,
    cipher: a256gcmCipher(),
    clock: systemClock,
    random: systemRandom,
    repository: {
      async insertPrivateKey(row) {
        await repository.insertPrivateKey(row)
        rows.set(idOf(row), row)
      },
      findPrivateKey: async (identity) => rows.get(idOf(identity)),
    },
  })
  const store = async (key: KeyDescription, text = PRV) => {
    using prv = SecretBytes.fromUtf8(text)
    return await operations.storePrivateKey({ ...key, prv }, requestOf())
  }
  const read = async (key: Pick<KeyDescription, 'pub' | 'source'>, caller?: Caller): Promise<string> => {
    const { prv } = await operations.getPrivateKey({ pub: key.pub, source: key.source }, requestOf(caller))
    using secret = prv
    return secret.bytes.toString()
  }
  const rowOf = (key: KeyDescription): PrivateKeyRow => rows.get(idOf(key)) ?? assert.fail('no row')
  const alter = (key: KeyDescription, change: Partial<PrivateKeyRow>): void => {
    rows.set(idOf({ ...key, ...change }), { ...rowOf(key), ...change })
  }
  return { ...stub, operations, keyring, store, read, rowOf, alter }
}

const code = (expected: string) => ({ name: 'KmsError', code: expected })

/** The same text with each of its characters replaced by another of its kind, in turn. */
const oneCharacterChanges = function* (text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    const character = text[at] === 'A' ? 'B' : text[at] === 'a' ? 'b' : text[at] === '0' ? '1' : 'A'
    yield `${text.slice(0, at)}${character}${text.slice(at + 1)}`
    yield `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ 1)}${text.slice(at + 1)}`
  }
}

/** The same token with other bytes in its wrapped part, its check or its tag. */
const garbled = (text: string): string => {
  const parts = text.split('.')
  const at = 6 + randomInt(3)
  const length = Buffer.from(parts[at] ?? '', 'base64url').length
  return parts.with(at, randomBytes(length).toString('base64url')).join('.')
}

suite('storing and reading a private key', () => {
  test('gives back what was stored, by (pub, source)', async () => {
    const { store, read, rowOf, operations, keyring } = await setUp()
    const backup: KeyDescription = { ...KEY, source: 'backup', coin: 'eth' }
    const stored = await store(KEY)
    assert.deepEqual(stored.key, KEY)
    assert.equal(stored.rootKeyId, keyring.wrapping('row-user').rootKey.id)
    await store(backup, 'the backup’s')
    assert.equal(await read(KEY), PRV)
    assert.equal(await read(backup), 'the backup’s')
    const { key, prv } = await operations.getPrivateKey({ pub: KEY.pub, source: 'backup' }, requestOf())
    prv[Symbol.dispose]()
    assert.deepEqual(key, backup)
    assert.notEqual(rowOf(KEY).encryptedDataKey, rowOf(backup).encryptedDataKey)
    assert.ok(!JSON.stringify(rowOf(KEY)).includes(PRV))
  })

  test('is refused for an identity that is there, equal or not', async () => {
    const { store, read } = await setUp()
    await store(KEY)
    await assert.rejects(store(KEY), code('private_key_exists'))
    await assert.rejects(store({ ...KEY, coin: 'eth' }, 'another'), code('private_key_exists'))
    assert.equal(await read(KEY), PRV)
  })

  test('says that an identity is not there', async () => {
    const { read, store } = await setUp()
    await store(KEY)
    await assert.rejects(read({ ...KEY, source: 'backup' }), code('private_key_not_found'))
  })

  test('names the field that is wrong, and asks no HSM', async () => {
    const { store, read, calls } = await setUp()
    const asked = calls.generateDataKey
    for (const [field, wrong] of [
      ['pub', { pub: '' }],
      ['pub', { pub: 'p'.repeat(1_025) }],
      ['pub', { pub: 'é' }],
      ['source', { source: 'bitgo' as 'user' }],
      ['coin', { coin: '' }],
      ['coin', { coin: 'c'.repeat(65) }],
      ['type', { type: 'line\nbreak' }],
    ] as const) {
      await assert.rejects(store({ ...KEY, ...wrong }), (error: Error) => {
        assert.ok(KmsError.is(error, 'validation_failed'))
        assert.ok(error.message.startsWith(`${field} must be `), error.message)
        return true
      })
    }
    await assert.rejects(read({ pub: KEY.pub, source: 'bitgo' as 'user' }), code('validation_failed'))
    assert.equal(calls.generateDataKey, asked)
  })

  test('stores nothing if the HSM gives a data key of another length', async () => {
    const { store, read, hsm } = await setUp()
    hsm.generateDataKey = async () => SecretBytes.copyOf(new Uint8Array(16))
    await assert.rejects(store(KEY), code('hsm_unavailable'))
    await assert.rejects(read(KEY), code('private_key_not_found'))
  })
})

suite('a row', () => {
  test('that was moved or relabeled opens to nothing', async () => {
    const { store, read, alter, rowOf } = await setUp()
    await store(KEY)
    await store(OTHER, 'the other’s')
    const changes: Partial<PrivateKeyRow>[] = [
      { coin: 'btc' },
      { type: 'independent' },
      { pub: 'moved' },
      { source: 'backup' },
      { rootKey: 'z'.repeat(32) },
      { provider: 'other' },
      { encryptedDataKey: rowOf(OTHER).encryptedDataKey },
      { encryptedPrv: rowOf(OTHER).encryptedPrv },
      { encryptedPrv: rowOf(OTHER).encryptedPrv, encryptedDataKey: rowOf(OTHER).encryptedDataKey },
    ]
    for (const change of changes) {
      const original = rowOf(KEY)
      alter(KEY, change)
      await assert.rejects(read({ ...KEY, ...change }), code('integrity_failure'), inspect(change))
      alter(KEY, original)
    }
    assert.equal(await read(KEY), PRV)
  })

  test('with one altered character in token or envelope opens to nothing else', async () => {
    const { store, read, alter, rowOf } = await setUp()
    await store(KEY)
    const { encryptedDataKey, encryptedPrv } = rowOf(KEY)
    for (const altered of oneCharacterChanges(encryptedDataKey)) {
      alter(KEY, { encryptedDataKey: altered })
      await assert.rejects(read(KEY), code('integrity_failure'), altered)
    }
    alter(KEY, { encryptedDataKey })
    for (const altered of oneCharacterChanges(encryptedPrv)) {
      alter(KEY, { encryptedPrv: altered })
      await assert.rejects(read(KEY), code('integrity_failure'), altered)
    }
    alter(KEY, { encryptedPrv })
    assert.equal(await read(KEY), PRV)
  })

  test('is asked for twice more, on other sessions, before it counts as altered', async () => {
    const { store, read, hsm } = await setUp()
    await store(KEY)
    const unwrap = hsm.unwrapDataKey
    const asked: (boolean | undefined)[] = []
    let bad = 0
    hsm.unwrapDataKey = async (rootKey, wrapped, options) => {
      const isBad = asked.length < bad
      asked.push(options?.again)
      return isBad ? SecretBytes.fill(bad * 16, (bytes) => bytes.fill(1)) : await unwrap(rootKey, wrapped)
    }
    for (bad of [1, 2]) {
      asked.length = 0
      assert.equal(await read(KEY), PRV)
      assert.deepEqual(asked, [false, true, true].slice(0, bad + 1))
    }
    bad = 3
    asked.length = 0
    await assert.rejects(read(KEY), code('integrity_failure'))
    assert.equal(asked.length, 3)
  })

  test('whose HSM does not answer is unavailable, not altered', async () => {
    const { store, read, hsm } = await setUp()
    await store(KEY)
    hsm.unwrapDataKey = async () => {
      throw new KmsError('hsm_unavailable')
    }
    await assert.rejects(read(KEY), code('hsm_unavailable'))
  })
})

suite('data keys', () => {
  const generate = async (
    { operations }: Awaited<ReturnType<typeof setUp>>,
    caller?: Caller,
  ): Promise<{ plaintext: string; encryptedKey: string }> => {
    const made = await operations.generateDataKey({ keyType: 'AES-256' }, requestOf(caller))
    using plaintextKey = made.plaintextKey
    return { plaintext: plaintextKey.bytes.toString('base64'), encryptedKey: made.encryptedKey }
  }
  const decrypt = async (
    { operations }: Awaited<ReturnType<typeof setUp>>,
    encryptedKey: string,
    caller?: Caller,
  ): Promise<string> => {
    const opened = await operations.decryptDataKey({ encryptedKey }, requestOf(caller))
    using plaintextKey = opened.plaintextKey
    return plaintextKey.bytes.toString('base64')
  }
  const ownerNamed = (owner: string, ...others: readonly string[]): Caller => ({
    owner,
    tenant: 'default',
    opensDataKeysOf: [owner, ...others],
    authorize: () => undefined,
  })

  test('are asked for once more where the HSM gave another one, and not where it gave none', async () => {
    const service = await setUp()
    const { plaintext, encryptedKey } = await generate(service)
    const unwrap = service.hsm.unwrapDataKey
    let asked = 0
    let length = 32
    service.hsm.unwrapDataKey = async (rootKey, wrapped, options) => {
      assert.equal(options?.again, false)
      if (asked++ > 0) return await unwrap(rootKey, wrapped)
      return SecretBytes.fill(length, (bytes) => bytes.fill(1))
    }
    assert.equal(await decrypt(service, encryptedKey), plaintext)
    assert.equal(asked, 2)
    for (length of [0, 31, 33]) {
      asked = 0
      await assert.rejects(decrypt(service, encryptedKey), code('encrypted_key_invalid'))
      assert.equal(asked, 1)
    }
  })

  test('open to exactly what was given', async () => {
    const service = await setUp()
    const made = await Promise.all(Array.from({ length: 8 }, () => generate(service)))
    assert.equal(new Set(made.map(({ plaintext }) => plaintext)).size, 8)
    for (const { plaintext, encryptedKey } of made) {
      assert.equal(Buffer.from(plaintext, 'base64').length, 32)
      assert.equal(await decrypt(service, encryptedKey), plaintext)
    }
  })

  test('are of one type', async () => {
    const { operations } = await setUp()
    for (const keyType of ['RSA-2048', 'ECDSA-P256', 'aes-256', '']) {
      await assert.rejects(operations.generateDataKey({ keyType }, requestOf()), code('key_type_unsupported'))
    }
  })

  test('do not open after any change, with one text, except where the root key is unknown', async () => {
    const service = await setUp()
    const { encryptedKey } = await generate(service)
    const texts = new Set<string>()
    const changes = [
      ...oneCharacterChanges(encryptedKey),
      '',
      'x',
      encryptedKey.slice(0, -1),
      `${encryptedKey}A`,
      `${encryptedKey}\n`,
      ` ${encryptedKey}`,
      encryptedKey.replace('.client.', '.row.'),
      encryptedKey.replace('rsa-oaep-sha256', 'rsa-oaep-sha1'),
      encryptedKey + encryptedKey,
    ]
    for (const altered of changes) {
      await assert.rejects(decrypt(service, altered), (error: unknown) => {
        assert.ok(KmsError.is(error, 'encrypted_key_invalid', 'root_key_not_found'), altered)
        const sameRootKey = altered.split('.')[2] === encryptedKey.split('.')[2]
        if (sameRootKey) assert.equal(error.code, 'encrypted_key_invalid', altered)
        if (error.code === 'encrypted_key_invalid') texts.add(`${error.message}${inspect(error.cause)}`)
        return true
      })
    }
    assert.equal(texts.size, 1)
  })

  test('that this store did not make never reach the HSM, whatever was altered', async () => {
    const service = await setUp()
    const { encryptedKey } = await generate(service)
    const before = service.calls.unwrapDataKey
    const id = service.keyring.wrapping('client').rootKey.id
    const altered = [
      encryptedKey.replace(id, 'z'.repeat(32)),
      encryptedKey.replace('rsa-oaep-sha256', 'rsa-pkcs1-v15'),
      ...Array.from({ length: 1_000 }, () => garbled(encryptedKey)),
    ]
    for (const text of altered) await assert.rejects(decrypt(service, text), code('encrypted_key_invalid'))
    assert.equal(service.calls.unwrapDataKey, before)
  })

  test('of an unknown root key never reach the HSM', async () => {
    const service = await setUp()
    const { integrity } = service.keyring
    const current = service.keyring.wrapping('client')
    using dataKey = SecretBytes.fill(32, (bytes) => bytes.fill(7))
    const bound = { purpose: 'client', binding: clientBinding('default', '') } as const
    const { publicKey } = current
    const elsewhere = { rootKey: { ...current.rootKey, id: 'z'.repeat(32) }, publicKey }
    const unknown = wrapDataKey(elsewhere, dataKey, bound, integrity)
    const before = service.calls.unwrapDataKey
    await assert.rejects(decrypt(service, unknown), code('root_key_not_found'))
    assert.equal(service.calls.unwrapDataKey, before)
  })

  test('and rows never open each other', async () => {
    const service = await setUp()
    await service.store(KEY)
    await assert.rejects(decrypt(service, service.rowOf(KEY).encryptedDataKey), code('encrypted_key_invalid'))
    const { encryptedKey } = await generate(service)
    service.alter(KEY, { encryptedDataKey: encryptedKey })
    await assert.rejects(service.read(KEY), code('integrity_failure'))
  })

  test('open for their owner, and for those it shares with', async () => {
    const service = await setUp()
    const { plaintext, encryptedKey } = await generate(service, ownerNamed('a'))
    assert.equal(await decrypt(service, encryptedKey, ownerNamed('a')), plaintext)
    assert.equal(await decrypt(service, encryptedKey, ownerNamed('b', 'a')), plaintext)
    for (const stranger of [ownerNamed('b'), UNRESTRICTED]) {
      await assert.rejects(decrypt(service, encryptedKey, stranger), code('encrypted_key_invalid'))
    }
  })

  test('whatever length the HSM gives back, fail alike', async () => {
    const service = await setUp()
    const { encryptedKey } = await generate(service)
    for (const length of [0, 1, 31, 32, 33, 256]) {
      service.hsm.unwrapDataKey = async () => SecretBytes.fill(length, (bytes) => bytes.fill(7))
      await assert.rejects(decrypt(service, encryptedKey), code('encrypted_key_invalid'), `${length}`)
    }
  })
})

suite('what a caller may do', () => {
  const refusing = (
    refused: (operation: OperationName, key?: Partial<KeyDescription>) => boolean,
  ): Caller => ({
    ...UNRESTRICTED,
    authorize: (operation, key) => {
      if (refused(operation, key)) throw new KmsError('forbidden')
    },
  })

  test('is asked before anything is done', async () => {
    const { operations, calls } = await setUp()
    const before = { ...calls }
    const request = requestOf(refusing(() => true))
    using prv = SecretBytes.fromUtf8(PRV)
    await assert.rejects(operations.storePrivateKey({ ...KEY, prv }, request), code('forbidden'))
    await assert.rejects(operations.getPrivateKey(KEY, request), code('forbidden'))
    await assert.rejects(operations.generateDataKey({ keyType: 'AES-256' }, request), code('forbidden'))
    await assert.rejects(operations.decryptDataKey({ encryptedKey: 'x' }, request), code('forbidden'))
    assert.deepEqual(calls, before)
  })

  test('is not told whether a key is there that it may not have', async () => {
    const { store, read } = await setUp()
    await store(KEY)
    const notUser = refusing((_, key) => key?.source === 'user')
    await assert.rejects(read(KEY, notUser), code('forbidden'))
    await assert.rejects(read(OTHER, notUser), code('forbidden'))
    await assert.rejects(read({ ...KEY, source: 'backup' }, notUser), code('private_key_not_found'))
  })

  test('with a key is asked about the stored one, before the HSM is', async () => {
    const { store, read, calls } = await setUp()
    await store(KEY)
    const before = calls.unwrapDataKey
    await assert.rejects(
      read(
        KEY,
        refusing((_, key) => key?.coin === 'tbtc'),
      ),
      code('forbidden'),
    )
    assert.equal(calls.unwrapDataKey, before)
    assert.equal(
      await read(
        KEY,
        refusing((_, key) => key?.coin === 'eth'),
      ),
      PRV,
    )
  })
})
