import assert from 'node:assert/strict'
import { constants, createHmac, createPrivateKey, hkdfSync, privateDecrypt } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { encryptionContext } from '../../src/domain/encryption-context.ts'
import { IntegrityKey } from '../../src/domain/integrity/integrity-key.ts'
import { WRAPPING_ALGORITHMS } from '../../src/domain/root-key.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import {
  checkMatches,
  clientBinding,
  isBoundTo,
  parseToken,
  rowBinding,
  sealToken,
  tagMatches,
  type WrappedDataKey,
} from '../../src/domain/wrapped-data-key.ts'
import { readTokenVectors } from './token-vectors.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(Buffer.from)

const tokens: fc.Arbitrary<WrappedDataKey> = fc.record(
  {
    purpose: fc.constantFrom('row', 'client', 'integrity'),
    rootKeyId: fc.stringMatching(/^[a-z0-9]{32}$/),
    algorithm: fc.constantFrom(...WRAPPING_ALGORITHMS),
    binding: bytes(32),
    wrapped: bytes(256),
  },
  { noNullPrototype: true },
)

const secretOf = (key: Uint8Array): SecretBytes => SecretBytes.copyOf(key)

const integrityOf = (key: Uint8Array): IntegrityKey => {
  using secret = secretOf(key)
  return new IntegrityKey(secret)
}

/** That of every test that needs only one. */
const INTEGRITY = integrityOf(Buffer.alloc(32, 9))

suite('golden tokens', () => {
  const { privateKey, integrityKey, vectors } = readTokenVectors()
  const integrity = integrityOf(Buffer.from(integrityKey, 'base64'))
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), type: 'pkcs8', format: 'der' })

  for (const vector of vectors) {
    test(`${vector.purpose}, ${vector.algorithm}, ${JSON.stringify(vector.boundTo)}`, () => {
      using dataKey = secretOf(Buffer.from(vector.dataKey, 'base64'))
      const parsed = parseToken(vector.token)
      assert.ok(parsed !== undefined)
      assert.equal(parsed.purpose, vector.purpose)
      assert.equal(parsed.rootKeyId, vector.rootKeyId)
      assert.equal(parsed.algorithm, vector.algorithm)
      assert.equal(parsed.binding.toString('base64'), vector.binding)
      assert.equal(parsed.wrapped.toString('base64'), vector.wrapped)
      assert.ok(tagMatches(parsed, integrity))
      assert.ok(checkMatches(parsed, dataKey))
      assert.equal(sealToken(parsed, dataKey, integrity), vector.token)

      const { boundTo } = vector
      if ('pub' in boundTo) {
        assert.equal(encryptionContext(boundTo).toString('base64'), vector.context)
        assert.deepEqual(parsed.binding, rowBinding(encryptionContext(boundTo)))
      } else {
        assert.deepEqual(parsed.binding, clientBinding(boundTo.tenant, boundTo.owner))
      }
      const padding =
        vector.algorithm === 'rsa-pkcs1-v15'
          ? { padding: constants.RSA_PKCS1_PADDING }
          : {
              padding: constants.RSA_PKCS1_OAEP_PADDING,
              oaepHash: vector.algorithm.slice('rsa-oaep-'.length),
            }
      assert.deepEqual(privateDecrypt({ key, ...padding }, parsed.wrapped), Buffer.from(dataKey.bytes))
    })
  }

  for (const [what, count, secret, info] of [
    ['check', 8, 'data key', 'cofre/key-check/v1'],
    ['tag', 9, 'integrity key', 'cofre/token-mac/v1'],
  ] as const) {
    test(`the ${what} is HMAC-SHA-256 under HKDF-SHA-256 of the ${secret}, over the text before it`, () => {
      const [vector] = vectors
      assert.ok(vector !== undefined)
      const parts = vector.token.split('.').slice(0, count)
      const keyText = secret === 'data key' ? vector.dataKey : integrityKey
      const key = hkdfSync('sha256', Buffer.from(keyText, 'base64'), '', info, 32)
      const mac = createHmac('sha256', Buffer.from(key))
        .update(parts.slice(0, -1).join('.'))
        .digest('base64url')
      assert.equal(parts.at(-1), mac)
    })
  }
})

suite('a token', () => {
  test('gives back what it was made of, in one line of under 700 characters', () => {
    fc.assert(
      fc.property(tokens, bytes(32), (token, key) => {
        using dataKey = secretOf(key)
        const text = sealToken(token, dataKey, INTEGRITY)
        assert.match(text, /^[\w.-]{1,700}$/)
        const parsed = parseToken(text) ?? assert.fail('did not parse')
        const { tag: _tag, tagged: _tagged, check: _check, checked: _checked, ...parts } = parsed
        assert.deepEqual(parts, token)
        assert.ok(tagMatches(parsed, INTEGRITY))
        assert.ok(checkMatches(parsed, dataKey))
      }),
    )
  })

  test('opens with no other data key', () => {
    fc.assert(
      fc.property(tokens, bytes(32), bytes(32), (token, one, other) => {
        fc.pre(!one.equals(other))
        using dataKey = secretOf(one)
        using wrong = secretOf(other)
        const parsed = parseToken(sealToken(token, dataKey, INTEGRITY))
        assert.equal(parsed && checkMatches(parsed, wrong), false)
        assert.equal(parsed && tagMatches(parsed, integrityOf(one)), false)
      }),
    )
  })

  test('has exactly one spelling: every one-character change is refused or breaks the tag', () => {
    const [token] = fc.sample(tokens, { numRuns: 1, seed: 7 })
    using dataKey = secretOf(Buffer.alloc(32, 7))
    const text = sealToken(token as WrappedDataKey, dataKey, INTEGRITY)
    const alphabet = 'AZaz09-_.=+/ \n\u0000é'
    const opens = (altered: string): boolean => {
      const parsed = parseToken(altered)
      return parsed !== undefined && tagMatches(parsed, INTEGRITY)
    }
    assert.ok(opens(text))
    for (let at = 0; at <= text.length; at++) {
      const [before, after, rest] = [text.slice(0, at), text.slice(at), text.slice(at + 1)]
      const next = String.fromCharCode(text.charCodeAt(at) ^ 1)
      for (const character of [...alphabet, next]) {
        assert.ok(!opens(before + character + after), `${character} inserted at ${at}`)
        if (at < text.length && text[at] !== character) {
          assert.ok(!opens(before + character + rest), `${character} at ${at}`)
        }
      }
      if (at < text.length) {
        assert.ok(!opens(before + rest), `cut at ${at}`)
        assert.ok(!opens(before), `ended at ${at}`)
      }
    }
  })

  test('that is any other text is refused without an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String(), fc.json()), (text) => {
        assert.equal(parseToken(text), undefined)
      }),
    )
    assert.equal(parseToken('.'.repeat(1_000_000)), undefined)
  })

  test('is bound to one of those that are allowed, or to none', () => {
    using dataKey = secretOf(Buffer.alloc(32, 1))
    const [sample] = fc.sample(tokens, { numRuns: 1, seed: 1 })
    const token = { ...(sample as WrappedDataKey), binding: clientBinding('t', 'a') }
    const parsed = parseToken(sealToken(token, dataKey, INTEGRITY)) ?? assert.fail('did not parse')
    assert.ok(isBoundTo(parsed, [clientBinding('t', 'a')]))
    assert.ok(isBoundTo(parsed, [clientBinding('t', ''), clientBinding('t', 'a')]))
    assert.ok(!isBoundTo(parsed, [clientBinding('t', ''), clientBinding('t', 'b')]))
    assert.ok(!isBoundTo(parsed, [clientBinding('u', 'a')]), 'another tenant')
    assert.ok(!isBoundTo(parsed, []))
  })
})
