import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { publicKeySha256, wrap } from '../../../../src/domain/wrapping.ts'
import type { HsmPort } from '../../../../src/ports/hsm.port.ts'
import { faultyToken, missingFaultyLibrary } from '../../../support/softhsm.ts'
import { until } from './processes.ts'
import { isUnavailable, openPkcs11, ROOT_KEY_ID } from './support.ts'

const missing = missingFaultyLibrary()

const CALLERS = 32
const TIMEOUT_MS = 4_000

/** Error codes after which session and login, or the whole token, are not what they were. */
const LOST = {
  CKR_DEVICE_ERROR: 0x30,
  CKR_DEVICE_REMOVED: 0x32,
  CKR_SESSION_HANDLE_INVALID: 0xb3,
  CKR_TOKEN_NOT_PRESENT: 0xe0,
  CKR_USER_NOT_LOGGED_IN: 0x101,
}
const CKR_MECHANISM_INVALID = 0x70
const CKR_TEMPLATE_INCONSISTENT = 0xd1

/** @returns a check that unwraps something of its own and looks at what comes back */
const rootKeyOf = async (hsm: HsmPort) => {
  const { publicKey } = await hsm.createRootKey({ id: ROOT_KEY_ID })
  const reference = {
    id: ROOT_KEY_ID,
    algorithm: 'rsa-oaep-sha1',
    publicKeySha256: publicKeySha256(publicKey),
  } as const
  const unwrap = async (): Promise<void> => {
    using secret = SecretBytes.copyOf(randomBytes(32))
    using opened = await hsm.unwrapDataKey(reference, wrap(publicKey, reference.algorithm, secret))
    assert.ok(opened.equals(secret))
  }
  return { reference, unwrap }
}

suite('a PKCS#11 library that misbehaves', { skip: missing }, () => {
  test('blocks one call for ever: others go on meanwhile, and it is tried again', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token, { operationTimeoutMs: TIMEOUT_MS })
    const { unwrap } = await rootKeyOf(hsm)
    await token.hang('C_Decrypt')
    let settled = false
    const blocked = unwrap().finally(() => {
      settled = true
    })
    await until('the call hangs', async () => (await token.pending()) === 0)
    await Promise.all(Array.from({ length: CALLERS }, unwrap))
    ;(await hsm.generateDataKey())[Symbol.dispose]()
    assert.equal(settled, false)
    await blocked
    assert.equal(await token.logins(), 2)
  })

  test('blocks all of it for ever: who waits goes on in a new process', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token, { operationTimeoutMs: TIMEOUT_MS })
    const { unwrap } = await rootKeyOf(hsm)
    await token.hang('C_DecryptInit')
    await Promise.all(Array.from({ length: CALLERS }, unwrap))
    assert.equal(await token.pending(), 0)
    assert.equal(await token.logins(), 2)
  })

  test('blocks while it is initialized', async (t) => {
    const token = await faultyToken(t)
    await token.hang('C_Initialize')
    const { hsm } = await openPkcs11(t, token, { startTimeoutMs: TIMEOUT_MS })
    const { unwrap } = await rootKeyOf(hsm)
    await unwrap()
    assert.equal(await token.logins(), 1)
  })

  test('crashes under many calls: each of them is answered all the same', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token)
    const { unwrap } = await rootKeyOf(hsm)
    await token.crash('C_Decrypt')
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        await unwrap()
        ;(await hsm.generateDataKey())[Symbol.dispose]()
      }),
    )
    assert.equal(await token.pending(), 0)
    assert.equal(await token.logins(), 2)
  })

  test('crashes at one call again and again: that call is given up', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token)
    const { unwrap } = await rootKeyOf(hsm)
    await token.crash('C_Decrypt', 5)
    await assert.rejects(unwrap(), isUnavailable)
    assert.equal(await token.pending(), 2)
    await token.clear()
    await unwrap()
  })

  for (const [name, code] of Object.entries(LOST)) {
    test(`says ${name}: a new process logs in and the call is made again`, async (t) => {
      const token = await faultyToken(t)
      const { hsm } = await openPkcs11(t, token)
      const { unwrap } = await rootKeyOf(hsm)
      for (const at of ['C_Decrypt', 'C_DecryptInit'] as const) {
        await token.fail(at, code)
        await unwrap()
      }
      assert.equal(await token.pending(), 0)
      assert.equal(await token.logins(), 3)
    })
  }

  test('crashes before a new pair has its id: the next attempt takes it up', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token)
    await token.crash('C_SetAttributeValue')
    const made = await hsm.createRootKey({ id: ROOT_KEY_ID })
    assert.equal(made.outcome, 'exists')
    assert.equal(await token.pending(), 0)
    const reference = { id: ROOT_KEY_ID, algorithm: 'rsa-oaep-sha1' } as const
    const found = await hsm.getPublicKey({ ...reference, publicKeySha256: publicKeySha256(made.publicKey) })
    assert.ok(found?.equals(made.publicKey))
  })

  test('knows no CKA_ALLOWED_MECHANISMS: the pair is made without', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token)
    await token.fail('C_GenerateKeyPair', CKR_TEMPLATE_INCONSISTENT)
    const { unwrap } = await rootKeyOf(hsm)
    assert.equal(await token.pending(), 0)
    await unwrap()
  })

  test('makes no AES keys: data keys are random bytes of the token’s', async (t) => {
    const token = await faultyToken(t)
    const { hsm } = await openPkcs11(t, token)
    await token.fail('C_GenerateKey', CKR_MECHANISM_INVALID)
    using first = await hsm.generateDataKey()
    using second = await hsm.generateDataKey()
    assert.equal(await token.pending(), 0)
    assert.equal(first.length, 32)
    assert.equal(second.length, 32)
    assert.ok(!first.equals(second))
    assert.ok(first.bytes.some((byte) => byte !== 0))
  })
})
