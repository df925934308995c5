import assert from 'node:assert/strict'
import { constants, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { IntegrityKey } from '../../../../src/domain/integrity/integrity-key.ts'
import { systemRandom } from '../../../../src/domain/random.ts'
import type { WrappingAlgorithm } from '../../../../src/domain/root-key.ts'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { openToken } from '../../../../src/domain/use-cases/open-token.ts'
import { clientBinding, parseToken, sealToken } from '../../../../src/domain/wrapped-data-key.ts'
import { publicKeySha256, wrap } from '../../../../src/domain/wrapping.ts'
import { faultyToken, missingFaultyLibrary } from '../../../support/softhsm.ts'
import { openPkcs11, ROOT_KEY_ID } from './support.ts'

const missing = missingFaultyLibrary()

/** Codes that may mean anything. */
const VAGUE = { CKR_GENERAL_ERROR: 0x05, CKR_FUNCTION_FAILED: 0x06 }
/** The block, a good one, the block again. */
const STEPS = 3

const setUp = async (t: TestContext, algorithm: WrappingAlgorithm) => {
  const token = await faultyToken(t)
  const { hsm } = await openPkcs11(t, token, { candidates: [algorithm] })
  const { publicKey } = await hsm.createRootKey({ id: ROOT_KEY_ID })
  const reference = { id: ROOT_KEY_ID, algorithm, publicKeySha256: publicKeySha256(publicKey) }
  const unwraps = async (): Promise<boolean> => {
    using secret = SecretBytes.copyOf(randomBytes(32))
    using opened = await hsm.unwrapDataKey(reference, wrap(publicKey, algorithm, secret))
    return opened.equals(secret)
  }
  return { token, hsm, publicKey, reference, unwraps }
}

/** Blocks of the ways to be bad that PKCS#1 v1.5 knows. */
const badBlocks = (key: KeyObject): Readonly<Record<string, Buffer>> => {
  const padded = (content: Buffer) => publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, content)
  const raw = Buffer.alloc(256, 0x11)
  raw[0] = 0
  return {
    'of no padding': publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, raw),
    'of nothing': padded(Buffer.alloc(0)),
    'of another length': padded(randomBytes(48)),
    'of 32 wrong bytes': padded(randomBytes(32)),
  }
}

suite('an answer of a PKCS#11 token that is no data key', { skip: missing }, () => {
  test('costs the same with PKCS#1 v1.5, whatever the block opens to', async (t) => {
    const { token, hsm, publicKey, reference } = await setUp(t, 'rsa-pkcs1-v15')
    const rootKey = reference
    using dataKey = SecretBytes.copyOf(randomBytes(32))
    using integrity = new IntegrityKey(dataKey)
    for (const [name, wrapped] of Object.entries(badBlocks(publicKey))) {
      const text = sealToken(
        {
          purpose: 'client',
          rootKeyId: ROOT_KEY_ID,
          algorithm: 'rsa-pkcs1-v15',
          binding: clientBinding('default', ''),
          wrapped,
        },
        dataKey,
        integrity,
      )
      const sealed = parseToken(text)
      assert.ok(sealed !== undefined)
      const before = await token.decryptions()
      assert.equal(await openToken({ rootKey, hsm }, sealed, systemRandom), undefined)
      assert.equal((await token.decryptions()) - before, STEPS, name)
    }
    assert.equal(await token.logins(), 1)
  })

  for (const [name, code] of Object.entries(VAGUE)) {
    test(`is not believed for ${name} alone: a good block opens the second time`, async (t) => {
      const { token, unwraps } = await setUp(t, 'rsa-oaep-sha1')
      await token.fail('C_Decrypt', code)
      assert.ok(await unwraps())
      assert.equal(await token.pending(), 0)
      assert.equal(await token.logins(), 1)
    })

    test(`is a fault where ${name} is all that the token says: a new process is asked`, async (t) => {
      const { token, unwraps } = await setUp(t, 'rsa-oaep-sha1')
      await token.fail('C_Decrypt', code, 2)
      assert.ok(await unwraps())
      assert.equal(await token.pending(), 0)
      assert.equal(await token.logins(), 2)
    })
  }
})
