import assert from 'node:assert/strict'
import { pbkdf2Sync } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { nodeSjclCipher } from '../../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { CONTEXT, dataKey, ENGINES, makeEnvelope } from './support.ts'

/** The bytes of every SecretBytes made from here on, as they are at the time of asking. */
const watchSecrets = (t: TestContext): (() => Buffer[]) => {
  const made: Buffer[] = []
  const fill = SecretBytes.fill.bind(SecretBytes)
  t.mock.method(SecretBytes, 'fill', (...args: Parameters<typeof fill>) => {
    const secret = fill(...args)
    made.push(secret.bytes)
    return secret
  })
  return () => made.filter((bytes) => bytes.some((byte) => byte !== 0))
}

/** The bytes of every Buffer that is wiped from here on, as they were before, in hex. */
const watchWiping = (t: TestContext): string[] => {
  const wiped: string[] = []
  const { fill } = Buffer.prototype
  t.mock.method(Buffer.prototype, 'fill', function (this: Buffer, ...args: Parameters<typeof fill>) {
    if (args[0] === 0) wiped.push(this.toString('hex'))
    return fill.apply(this, args)
  })
  return wiped
}

suite('secrets inside the envelope ciphers', () => {
  for (const [name, make] of ENGINES) {
    test(`only the plaintext is left after an envelope was opened: ${name}`, async (t) => {
      using key = dataKey()
      const plaintext = Buffer.from('plaintext of a key')
      const envelope = makeEnvelope({ plaintext })
      const unwiped = watchSecrets(t)
      using opened = await make().decrypt(envelope, key, CONTEXT)
      assert.deepEqual(unwiped(), [plaintext])
      assert.equal(unwiped()[0], opened.bytes)
    })

    test(`nothing is left after an envelope was made: ${name}`, async (t) => {
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8('plaintext of a key')
      const unwiped = watchSecrets(t)
      await make().encrypt(plaintext, key, CONTEXT)
      assert.deepEqual(unwiped(), [])
    })

    test(`nothing is left after an envelope was refused: ${name}`, async (t) => {
      using key = dataKey()
      const envelope = makeEnvelope({ plaintext: Buffer.from('plaintext of a key') })
      const altered = envelope.replace(
        /"ct":"./,
        (start) => `${start.slice(0, -1)}${start.endsWith('A') ? 'B' : 'A'}`,
      )
      const unwiped = watchSecrets(t)
      await assert.rejects(make().decrypt(altered, key, CONTEXT), { code: 'integrity_failure' })
      assert.deepEqual(unwiped(), [])
    })
  }

  test('what node:crypto returned is wiped: the derived key and the key stream', async (t) => {
    using key = dataKey()
    const salt = Buffer.from('salt of a known key')
    const plaintext = Buffer.alloc(100, 0x55)
    const envelope = makeEnvelope({ plaintext, salt, iterations: 100 })
    const sealed = Buffer.from((JSON.parse(envelope) as { ct: string }).ct, 'base64')
    const wiped = watchWiping(t)
    using _opened = await nodeSjclCipher().decrypt(envelope, key, CONTEXT)

    const derived = pbkdf2Sync(key.bytes.toString('base64'), salt, 100, 32, 'sha256').toString('hex')
    const stream = Buffer.from(plaintext.map((byte, i) => byte ^ sealed.readUInt8(i))).toString('hex')
    // Once as it came from node:crypto, once as the SecretBytes it was moved to.
    assert.equal(wiped.filter((bytes) => bytes === derived).length, 2)
    assert.equal(wiped.filter((bytes) => bytes === stream).length, 1)
  })

  test('the event loop goes on while node:crypto derives a key', async () => {
    using key = dataKey()
    const envelope = makeEnvelope({ plaintext: Buffer.from('text'), iterations: 100_000 })
    let turns = 0
    const timer = setImmediate(() => turns++)
    using _opened = await nodeSjclCipher().decrypt(envelope, key, CONTEXT)
    clearImmediate(timer)
    assert.equal(turns, 1)
  })
})
