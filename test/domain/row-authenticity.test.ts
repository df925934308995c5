import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { a256gcmCipher } from '../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { openMemoryKeyRepository } from '../../src/adapters/repository/memory/memory-key-repository.ts'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { encryptionContext } from '../../src/domain/encryption-context.ts'
import { IntegrityKey } from '../../src/domain/integrity/integrity-key.ts'
import { authenticatedRow } from '../../src/domain/integrity/row-mac.ts'
import { systemClock, systemRandom, systemSleep } from '../../src/domain/random.ts'
import { openRootKeyring } from '../../src/domain/root-keys/open-root-keyring.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { keyOperations } from '../../src/domain/use-cases/key-operations.ts'
import { wrapDataKey } from '../../src/domain/use-cases/wrap-data-key.ts'
import { rowBinding, type TokenPurpose } from '../../src/domain/wrapped-data-key.ts'
import type { PrivateKeyRow } from '../../src/ports/key-repository.port.ts'
import { keepingLogger } from '../support/logger.ts'
import { stubHsm } from '../support/stub-hsm.ts'

const VICTIM = { tenant: 'default', pub: 'xpub-victim', source: 'user', coin: 'tbtc', type: 'tss' } as const
const REQUEST = { requestId: 'r', address: '127.0.0.1', caller: UNRESTRICTED }

/** A service whose rows somebody else may write as well. */
const setUp = async () => {
  const repository = await openMemoryKeyRepository()
  let planted: PrivateKeyRow | undefined
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
  const cipher = a256gcmCipher()
  const operations = keyOperations({
    keyring,
    cipher,
    clock: systemClock,
    random: systemRandom,
    repository: {
      insertPrivateKey: (row) => repository.insertPrivateKey(row),
      findPrivateKey: async (identity) => planted ?? (await repository.findPrivateKey(identity)),
    },
  })
  return { ...stub, repository, keyring, cipher, operations, plant: (row: PrivateKeyRow) => (planted = row) }
}

suite('a row that somebody else wrote', () => {
  /**
   * The attacker has a data key and its token (as a client), the root key's public half, and may write all of the
   * store; what it has not is the integrity key.
   */
  test('is never served, whatever the attacker makes it of', async () => {
    const service = await setUp()
    const { keyring, cipher, operations } = service
    const current = keyring.wrapping('row-user')
    const generated = await operations.generateDataKey({ keyType: 'AES-256' }, REQUEST)
    using dataKey = generated.plaintextKey
    using guess = SecretBytes.fill(32, (bytes) => bytes.fill(3))
    using own = new IntegrityKey(guess)
    using evil = SecretBytes.fromUtf8('xprv of the attacker')
    const context = encryptionContext(VICTIM)
    const encryptedPrv = await cipher.encrypt(evil, dataKey, context)
    const sealed = (purpose: TokenPurpose): string =>
      wrapDataKey(current, dataKey, { purpose, binding: rowBinding(context) }, own)
    const before = service.calls.unwrapDataKey
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          token: fc.constantFrom(
            generated.encryptedKey,
            sealed('row'),
            sealed('client'),
            sealed('integrity'),
          ),
          mac: fc.constantFrom('own', 'none', 'zero'),
          version: fc.nat(3),
          createdAt: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
          source: fc.constantFrom('user', 'backup'),
        }),
        async ({ token, mac, version, createdAt, source }) => {
          const { id: rootKey, provider } = current.rootKey
          const content = { encryptedPrv, encryptedDataKey: token, provider, rootKey, createdAt, version }
          const row = authenticatedRow(own, { ...VICTIM, source, ...content })
          service.plant({ ...row, mac: { own: row.mac, none: '', zero: '0'.repeat(64) }[mac] ?? '' })
          await assert.rejects(operations.getPrivateKey({ pub: VICTIM.pub, source }, REQUEST), {
            code: 'integrity_failure',
          })
        },
      ),
    )
    assert.equal(service.calls.unwrapDataKey, before, 'the HSM was asked')
  })

  test('is refused for every column that was changed, before the HSM is asked', async () => {
    const service = await setUp()
    using prv = SecretBytes.fromUtf8('xprv')
    await service.operations.storePrivateKey({ ...VICTIM, prv }, REQUEST)
    const row = (await service.repository.findPrivateKey(VICTIM)) ?? assert.fail('no row')
    const changes = {
      tenant: 'another',
      pub: 'xpub-other',
      source: 'backup',
      coin: 'eth',
      type: 'independent',
      encryptedPrv: `${row.encryptedPrv} `,
      encryptedDataKey: row.encryptedDataKey.replace('row', 'client'),
      provider: 'other',
      rootKey: 'z'.repeat(32),
      createdAt: new Date(row.createdAt.getTime() + 1),
      version: 2,
      mac: createHash('sha256').update(row.mac).digest('hex'),
    } satisfies { readonly [K in keyof PrivateKeyRow]: unknown }
    const before = service.calls.unwrapDataKey
    for (const [column, value] of Object.entries(changes)) {
      service.plant({ ...row, [column]: value })
      await assert.rejects(
        service.operations.getPrivateKey(VICTIM, REQUEST),
        { code: 'integrity_failure' },
        column,
      )
    }
    assert.equal(service.calls.unwrapDataKey, before)
    service.plant(row)
    const opened = await service.operations.getPrivateKey(VICTIM, REQUEST)
    using secret = opened.prv
    assert.equal(secret.bytes.toString(), 'xprv')
  })
})
