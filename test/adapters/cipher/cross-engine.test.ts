import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { nodeSjclCipher } from '../../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { sjclPackageCipher } from '../../../src/adapters/cipher/sjcl-package/sjcl-package-cipher.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { dataKey, ENGINES, knownRandom, makeEnvelope, outcome } from './support.ts'

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength })

/** Short ones, and those around the length at which the nonce changes. */
const plaintexts = fc.oneof(
  { weight: 3, arbitrary: bytes(200) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 65_500, max: 65_600 }).map((length) => new Uint8Array(length).fill(length)),
  },
)

suite('the two engines', () => {
  test('make the same envelope of the same random bytes, and each opens it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ plaintext: plaintexts, context: bytes(300), salt: bytes(16, 16), iv: bytes(16, 16) }),
        async ({ plaintext, context, salt, iv }) => {
          using key = dataKey()
          using secret = SecretBytes.copyOf(plaintext)
          const byNode = nodeSjclCipher({ random: knownRandom(salt, iv) })
          const byPackage = sjclPackageCipher({ random: knownRandom(salt, iv) })
          const envelope = await byNode.encrypt(secret, key, context)
          assert.equal(await byPackage.encrypt(secret, key, context), envelope)
          for (const cipher of [byNode, byPackage]) {
            using opened = await cipher.decrypt(envelope, key, context)
            assert.ok(opened.equals(secret))
          }
        },
      ),
      { numRuns: 12 },
    )
  })

  test('agree on every envelope within the bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          plaintext: bytes(300),
          context: bytes(300),
          salt: bytes(64, 8),
          iv: bytes(16, 13),
          iterations: fc.integer({ min: 100, max: 200 }),
        }),
        async (recipe) => {
          using key = dataKey()
          const envelope = makeEnvelope(recipe)
          const expected = Buffer.from(recipe.plaintext).toString('hex')
          for (const [name, make] of ENGINES) {
            assert.equal(await outcome(make(), envelope, key, recipe.context), expected, name)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  for (const [name, make] of ENGINES) {
    test(`fresh salt, iv and ciphertext each time: ${name}`, async () => {
      const cipher = make()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8('the same plaintext')
      const made = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const envelope = await cipher.encrypt(plaintext, key, new Uint8Array(0))
          return JSON.parse(envelope) as Record<'iv' | 'salt' | 'ct', string>
        }),
      )
      for (const member of ['iv', 'salt', 'ct'] as const) {
        assert.equal(new Set(made.map((envelope) => envelope[member])).size, made.length, member)
      }
      assert.ok(made.every(({ iv, salt }) => iv !== salt))
    })
  }
})
