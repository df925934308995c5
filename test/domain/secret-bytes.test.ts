import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'

suite('SecretBytes', () => {
  test('is wiped at the end of its scope, and reading it then throws', () => {
    let live: Buffer | undefined
    let escaped: SecretBytes | undefined
    {
      using secret = SecretBytes.copyOf(Buffer.from('top secret'))
      live = secret.bytes
      escaped = secret
      assert.equal(live.toString(), 'top secret')
    }
    assert.ok(live.every((byte) => byte === 0))
    assert.throws(() => escaped?.bytes, /after it was disposed/)
    assert.throws(() => escaped?.length, /after it was disposed/)
    escaped?.[Symbol.dispose]()
  })

  test('shows nothing of itself', () => {
    using secret = SecretBytes.copyOf(Buffer.from('hunter2'))
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret, { depth: 9, showHidden: true }),
      inspect({ nested: [secret] }, { depth: 9 }),
      Object.values(secret).join(),
    ]
    for (const text of shown) assert.doesNotMatch(text, /hunter|68 ?75 ?6e|104,\s*117,\s*110/i)
  })

  test('has memory of its own, which no pool shares', () => {
    for (const length of [0, 1, 32, 64, 4_096, 330_000]) {
      using secret = SecretBytes.fill(length, (bytes) => bytes.fill(1))
      assert.equal(secret.bytes.buffer.byteLength, length)
      assert.equal(secret.length, length)
    }
  })

  test('moves bytes: the source is wiped, also when that fails', () => {
    const source = Buffer.from('top secret')
    using secret = SecretBytes.take(source)
    assert.equal(secret.bytes.toString(), 'top secret')
    assert.ok(source.every((byte) => byte === 0))
  })

  test('wipes what a failing writer has left', () => {
    let seen: Buffer | undefined
    assert.throws(
      () =>
        SecretBytes.fill(4, (bytes) => {
          seen = bytes.fill(9)
          throw new Error('no')
        }),
      /no/,
    )
    assert.deepEqual(seen, Buffer.alloc(4))
  })

  test('refuses text that has no UTF-8 form', () => {
    assert.throws(() => SecretBytes.fromUtf8('a\ud800'), TypeError)
    using secret = SecretBytes.fromUtf8('é🔑')
    assert.equal(secret.bytes.toString(), 'é🔑')
  })

  test('is equal to the same bytes alone', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        using one = SecretBytes.copyOf(a)
        using other = SecretBytes.copyOf(b)
        using same = SecretBytes.copyOf(a)
        assert.equal(one.equals(other), Buffer.from(a).equals(b))
        assert.ok(one.equals(same))
      }),
    )
  })

  test('writes base64 as bytes, as Buffer writes it as text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (source) => {
        using secret = SecretBytes.copyOf(source)
        using text = secret.toBase64()
        assert.equal(text.bytes.toString('latin1'), Buffer.from(source).toString('base64'))
      }),
    )
  })
})
