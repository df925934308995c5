import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import sjcl from 'sjcl'
import { sjclPackageCipher } from '../../../src/adapters/cipher/sjcl-package/sjcl-package-cipher.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { CONTEXT, convenience, dataKey } from './support.ts'

/** Whatever `sjcl.misc` keeps beside its functions: in the published build the cache has a name of two letters. */
const cached = (): string[] =>
  Object.values(sjcl.misc).flatMap((value: unknown) =>
    typeof value === 'object' && value !== null ? Object.keys(value) : [],
  )

suite('the engine on the sjcl package', () => {
  test('never fills the cache of passwords', async (t) => {
    const forbidden = [
      t.mock.method(sjcl.misc, 'cachedPbkdf2'),
      t.mock.method(sjcl, 'encrypt'),
      t.mock.method(sjcl, 'decrypt'),
      t.mock.method(sjcl.json, 'encrypt'),
      t.mock.method(sjcl.json, 'decrypt'),
      t.mock.method(sjcl.random, 'randomWords'),
    ]
    const pbkdf2 = t.mock.method(sjcl.misc, 'pbkdf2')
    const cipher = sjclPackageCipher()
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('text')
    const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
    using _opened = await cipher.decrypt(envelope, key, CONTEXT)
    await assert.rejects(cipher.decrypt(envelope.replace('"ct":"', '"ct":"AAAA'), key, CONTEXT))

    assert.deepEqual(cached(), [])
    for (const spy of forbidden) assert.equal(spy.mock.callCount(), 0)
    assert.equal(pbkdf2.mock.callCount(), 3)
    for (const { arguments: given, result } of pbkdf2.mock.calls) {
      assert.ok(Array.isArray(given[0]), 'the password was a text')
      assert.ok(
        [...given[0], ...(result ?? [])].every((word) => word === 0),
        'a password or key was not wiped',
      )
    }

    // The package itself does fill it: this is what the assertions above would see.
    t.mock.restoreAll()
    const password = key.bytes.toString('base64')
    convenience.decrypt(password, envelope)
    assert.deepEqual(cached(), [password])
  })
})
