import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { activeOf, claimOf, rootKeyId, rowOf } from '../../../contracts/key-repository/samples.ts'
import { openAt, temporaryPath, withDatabase } from './support.ts'

/** As somebody who can write to the file may do, past every constraint. */
const alter = (path: string, statement: string): void =>
  withDatabase(path, (database) => database.exec(`PRAGMA ignore_check_constraints = ON; ${statement}`))

/** The first page describes the tables, and opening reads no other. */
const PAGE_BYTES = 4096

const integrityFailure = { name: 'KmsError', code: 'integrity_failure' }

const ROW_ALTERATIONS = [
  `encryptedPrv = x'00ff'`,
  `encryptedDataKey = x''`,
  `rootKey = x'61'`,
  `provider = x'61'`,
  `coin = ''`,
  `coin = x'c3'`,
  `coin = CAST(x'c328ff' AS TEXT)`,
  `type = printf('%.65c', 'a')`,
  `type = 'a' || char(10)`,
  'created_at = 9223372036854775807',
  'created_at = 1e300',
  `created_at = 'yesterday'`,
  `created_at = '2026-13-45T99:99:99.000Z'`,
  'version = -1',
  `mac = x'61'`,
  // Longer than a string can be: the driver alone would call the row missing.
  `encryptedPrv = replace(hex(zeroblob(300000000)), '00', 'xx')`,
  `mac = replace(hex(zeroblob(300000000)), '00', 'xx')`,
]

/** These are found by walking alone. */
const IDENTITY_ALTERATIONS = [
  `tenant = ''`,
  `tenant = 'a:b'`,
  `tenant = x'61'`,
  `source = 'nobody'`,
  `source = x'75'`,
  'source = 9007199254740993',
  `pub = x'00'`,
  `pub = ''`,
]

suite('sqlite: nonsense in the file is an integrity failure', () => {
  for (const alteration of ROW_ALTERATIONS) {
    test(`in a row: ${alteration}`, async (t) => {
      const path = await temporaryPath(t)
      const store = await openAt(t, path)
      await store.insertPrivateKey(rowOf())
      await store.insertPrivateKey(rowOf({ source: 'backup' }))
      alter(path, `UPDATE private_keys SET ${alteration} WHERE source = 'user'`)
      await assert.rejects(store.findPrivateKey(rowOf()), {
        ...integrityFailure,
        subject: { tenant: 'default', pub: rowOf().pub, source: 'user' },
      })
      await assert.rejects(store.listPrivateKeys({ limit: 10 }), integrityFailure)
      assert.deepEqual(await store.findPrivateKey(rowOf({ source: 'backup' })), rowOf({ source: 'backup' }))
    })
  }

  for (const alteration of IDENTITY_ALTERATIONS) {
    test(`in an identity: ${alteration}`, async (t) => {
      const path = await temporaryPath(t)
      const store = await openAt(t, path)
      await store.insertPrivateKey(rowOf())
      alter(path, `UPDATE private_keys SET ${alteration}`)
      await assert.rejects(store.listPrivateKeys({ limit: 10 }), integrityFailure)
      assert.equal(await store.findPrivateKey(rowOf()), undefined)
    })
  }

  test('in what rows say about their root keys', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    alter(path, `UPDATE private_keys SET rootKey = x'61'`)
    await assert.rejects(store.rootKeysInUse(), integrityFailure)
    await assert.rejects(store.countByRootKey(), integrityFailure)
  })

  for (const alteration of [
    `state = 'retired'`,
    `id = 'UPPER CASE'`,
    `created_at = '0'`,
    `algorithm = 'rot13'`,
    'algorithm = NULL',
    `public_key_sha256 = 'abc'`,
    `state = 'claimed'`,
  ]) {
    test(`in a root key: ${alteration}`, async (t) => {
      const path = await temporaryPath(t)
      const store = await openAt(t, path)
      await store.claimRootKey(claimOf())
      await store.activateRootKey(activeOf())
      alter(path, `UPDATE root_keys SET ${alteration}`)
      await assert.rejects(store.listRootKeys(), integrityFailure)
    })
  }

  test('in a claim', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.claimRootKey(claimOf())
    alter(path, `UPDATE root_keys SET lease_until = 'soon'`)
    await assert.rejects(store.findRootKey(rootKeyId('a')), integrityFailure)
    await assert.rejects(store.claimRootKey(claimOf({ owner: 'instance-2' })), integrityFailure)
  })

  for (const alteration of [
    'sequence = -1',
    'sequence = 9223372036854775807',
    `hash = 'ABC'`,
    `saved_at = ''`,
  ]) {
    test(`in an audit head: ${alteration}`, async (t) => {
      const path = await temporaryPath(t)
      const store = await openAt(t, path)
      await store.saveAuditHead({ instance: 'a', sequence: 1, hash: '0'.repeat(64), savedAt: new Date(0) })
      alter(path, `UPDATE audit_heads SET ${alteration}`)
      await assert.rejects(store.listAuditHeads(), integrityFailure)
    })
  }

  test('in the pages of the file', async (t) => {
    const path = await temporaryPath(t)
    const before = await openAt(t, path)
    await before.insertPrivateKey(rowOf())
    await before.close()
    const bytes = await readFile(path)
    await writeFile(path, bytes.fill(0x5a, PAGE_BYTES))
    const store = await openAt(t, path)
    await assert.rejects(store.findPrivateKey(rowOf()), integrityFailure)
    await assert.rejects(store.listPrivateKeys({ limit: 10 }), integrityFailure)
    // Twice: a transaction that failed must not stay open.
    for (const source of ['user', 'backup'] as const) {
      await assert.rejects(store.insertPrivateKey(rowOf({ source })), integrityFailure)
    }
  })
})
