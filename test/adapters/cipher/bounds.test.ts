import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { SjclEngine } from '../../../src/adapters/cipher/sjcl-json/engine.ts'
import { sjclJsonCipher } from '../../../src/adapters/cipher/sjcl-json/sjcl-json-cipher.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { hostileEnvelopes } from './hostile-envelopes.ts'
import { CONTEXT, dataKey, makeEnvelope } from './support.ts'

const MAX_LENGTH = 2 * 1024 * 1024
const PLAINTEXT = Buffer.from('text')

/** Says how many rounds it was asked for, and does no cryptography: plaintext and 16 zeros. */
const countingEngine = () => {
  const rounds: number[] = []
  const engine: SjclEngine = {
    async deriveKey(_password, _salt, iterations) {
      rounds.push(iterations)
      return SecretBytes.copyOf(new Uint8Array(32))
    },
    seal: (_parameters, plaintext) => Buffer.concat([plaintext.bytes, Buffer.alloc(16)]),
    open: (_parameters, sealed) => SecretBytes.copyOf(sealed.subarray(0, -16)),
  }
  return { rounds, cipher: sjclJsonCipher(engine) }
}

suite('the bounds of an envelope', () => {
  test('no key is derived for an envelope outside of them', async () => {
    const { cipher, rounds } = countingEngine()
    using key = dataKey()
    for (const [what, text] of hostileEnvelopes(makeEnvelope({ plaintext: PLAINTEXT, iterations: 10_000 }))) {
      await assert.rejects(cipher.decrypt(text, key, CONTEXT), { code: 'integrity_failure' }, what)
    }
    assert.deepEqual(rounds, [])
  })

  test('no key is derived for the envelope of another context', async () => {
    const { cipher, rounds } = countingEngine()
    using key = dataKey()
    const envelope = makeEnvelope({ plaintext: PLAINTEXT })
    await assert.rejects(cipher.decrypt(envelope, key, Buffer.from('other')), { code: 'integrity_failure' })
    assert.deepEqual(rounds, [])
  })

  for (const [what, recipe] of [
    ['100 rounds', { iterations: 100 }],
    ['100,000 rounds', { iterations: 100_000 }],
    ['a salt of 8 bytes', { salt: Buffer.alloc(8) }],
    ['a salt of 64 bytes', { salt: Buffer.alloc(64) }],
    ['an iv of 13 bytes', { iv: Buffer.alloc(13) }],
    ['no plaintext', { plaintext: Buffer.alloc(0) }],
    ['no context', { context: Buffer.alloc(0) }],
  ] as const) {
    test(`within them: ${what}`, async () => {
      const { cipher, rounds } = countingEngine()
      using key = dataKey()
      const all = { plaintext: PLAINTEXT, context: CONTEXT, iterations: 1000, ...recipe }
      using _opened = await cipher.decrypt(makeEnvelope(all), key, all.context)
      assert.deepEqual(rounds, [all.iterations])
    })
  }

  test('the members may stand in any order', async () => {
    const { cipher, rounds } = countingEngine()
    using key = dataKey()
    const members = Object.entries(JSON.parse(makeEnvelope({ plaintext: PLAINTEXT })))
    for (let turn = 0; turn < members.length; turn++) {
      const turned = [...members.slice(turn), ...members.slice(0, turn)]
      using _opened = await cipher.decrypt(JSON.stringify(Object.fromEntries(turned)), key, CONTEXT)
    }
    assert.equal(rounds.length, members.length)
  })

  test('what is too long to be read again is not written', async () => {
    const { cipher, rounds } = countingEngine()
    using key = dataKey()
    using empty = SecretBytes.copyOf(new Uint8Array(0))
    const frame = (await cipher.encrypt(empty, key, CONTEXT)).length - 24
    const longest = Math.floor((MAX_LENGTH - frame) / 4) * 3 - 16
    using fits = SecretBytes.copyOf(new Uint8Array(longest))
    const envelope = await cipher.encrypt(fits, key, CONTEXT)
    assert.ok(envelope.length <= MAX_LENGTH && envelope.length > MAX_LENGTH - 4)
    using opened = await cipher.decrypt(envelope, key, CONTEXT)
    assert.equal(opened.length, longest)

    rounds.length = 0
    using over = SecretBytes.copyOf(new Uint8Array(longest + 1))
    await assert.rejects(cipher.encrypt(over, key, CONTEXT), { code: 'validation_failed' })
    assert.deepEqual(rounds, [])
  })
})
