import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import { KmsError } from '../../src/domain/errors.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../src/ports/envelope-cipher.port.ts'

export interface EnvelopeCipherContractOptions {
  /** Alterations of an envelope that only its own format knows; each must be refused like all others. */
  readonly hostile?: (envelope: string) => Iterable<readonly [what: string, text: string]>
}

/** A hostile row must be refused at once; this is only the point where waiting for it counts as a failure. */
const PROMPTLY = { timeout: 30_000 }

/** Sizes in bytes: nothing, a block and its neighbors, an xprv, the ends of 2-byte lengths, the largest share. */
const SIZES = [0, 1, 15, 16, 17, 111, 895, 65_519, 65_520, 65_535, 65_536, 329_800]
const LONG = 4 * 1024 * 1024

const CONTEXT = Buffer.from('contract/context: pub, source, coin, type')
const TEXT = 'xprv9s21ZrQH143K contract plaintext'

const dataKey = (label = 'a'): SecretBytes =>
  SecretBytes.take(createHash('sha256').update(`contract data key ${label}`).digest())

/** Every byte value, in an order without a short period. */
const anyBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8)) & 0xff)

const secretOf = (length: number): SecretBytes => SecretBytes.take(anyBytes(length))

/** All of an error that its receiver can tell apart. */
const visible = (error: unknown): unknown => {
  assert.ok(KmsError.is(error, 'integrity_failure'), `not an integrity_failure: ${inspect(error)}`)
  const { name, code, message, cause, subject } = error
  return { name, code, message, cause, subject, members: Reflect.ownKeys(error) }
}

const assertRefused = async (what: string, opening: Promise<SecretBytes>): Promise<void> => {
  const outcome = await opening.then(
    (opened) => opened[Symbol.dispose](),
    (error: unknown) => ({ error }),
  )
  assert.ok(outcome, `opened: ${what}`)
  assert.deepEqual(visible(outcome.error), visible(new KmsError('integrity_failure')), what)
}

/** Another character that envelopes contain too, so that not only the spelling is tested. */
const replaced = (text: string, at: number): string =>
  `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`

/**
 * What every adapter of EnvelopeCipherPort must do; relies on nothing but the port and the domain.
 *
 * @param open a cipher for one test
 */
export const envelopeCipherContract = (
  name: string,
  open: () => EnvelopeCipherPort | Promise<EnvelopeCipherPort>,
  { hostile = () => [] }: EnvelopeCipherContractOptions = {},
): void => {
  suite(`envelope cipher contract: ${name}`, () => {
    test('has a name for its format', async () => {
      const { format } = await open()
      assert.match(format, /^[a-z0-9-]+$/)
    })

    for (const size of SIZES) {
      test(`opens what it encrypted: ${size} bytes`, async () => {
        const cipher = await open()
        using key = dataKey()
        using plaintext = secretOf(size)
        using opened = await cipher.decrypt(await cipher.encrypt(plaintext, key, CONTEXT), key, CONTEXT)
        assert.ok(opened.equals(plaintext))
      })
    }

    test('opens text beyond ASCII unchanged', async () => {
      const cipher = await open()
      const text = 'cofre segurança 鍵 🔑\u0000\ufeff e\u0301'
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(text)
      using opened = await cipher.decrypt(await cipher.encrypt(plaintext, key, CONTEXT), key, CONTEXT)
      assert.equal(opened.bytes.toString('utf8'), text)
    })

    for (const [what, context] of [
      ['an empty context', new Uint8Array(0)],
      ['a context of any bytes', anyBytes(1_500)],
    ] as const) {
      test(`binds ${what}`, async () => {
        const cipher = await open()
        using key = dataKey()
        using plaintext = SecretBytes.fromUtf8(TEXT)
        const envelope = await cipher.encrypt(plaintext, key, context)
        using opened = await cipher.decrypt(envelope, key, context)
        assert.ok(opened.equals(plaintext))
        await assertRefused('another context', cipher.decrypt(envelope, key, CONTEXT))
      })
    }

    test('never makes the same envelope twice', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelopes = await Promise.all(
        Array.from({ length: 6 }, () => cipher.encrypt(plaintext, key, CONTEXT)),
      )
      assert.equal(new Set(envelopes).size, envelopes.length)
    })

    test('keeps calls that run together apart', async () => {
      const cipher = await open()
      const labels = ['a', 'b', 'c', 'd', 'e', 'f']
      const opened = await Promise.all(
        labels.map(async (label) => {
          using key = dataKey(label)
          using plaintext = SecretBytes.fromUtf8(`${TEXT} ${label}`)
          const context = Buffer.from(label)
          using result = await cipher.decrypt(await cipher.encrypt(plaintext, key, context), key, context)
          return result.bytes.toString()
        }),
      )
      assert.deepEqual(
        opened,
        labels.map((label) => `${TEXT} ${label}`),
      )
    })

    test('leaves what it was given as it was', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const context = Buffer.from(CONTEXT)
      using opened = await cipher.decrypt(await cipher.encrypt(plaintext, key, context), key, context)
      using sameKey = dataKey()
      assert.ok(key.equals(sameKey))
      assert.equal(plaintext.bytes.toString(), TEXT)
      assert.deepEqual(context, CONTEXT)
      assert.ok(opened.equals(plaintext))
    })

    test('gives a plaintext that is its caller’s alone', async () => {
      const cipher = await open()
      const key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      const first = await cipher.decrypt(envelope, key, CONTEXT)
      using second = await cipher.decrypt(envelope, key, CONTEXT)
      assert.notEqual(first.bytes.buffer, second.bytes.buffer)
      first[Symbol.dispose]()
      key[Symbol.dispose]()
      assert.ok(second.equals(plaintext))
    })

    test('shows neither plaintext nor data key in the envelope', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      assertFreeOf(envelope, key, plaintext)
    })

    test('refuses another data key', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      using other = dataKey('b')
      await assertRefused('another key', cipher.decrypt(envelope, other, CONTEXT))
      using near = SecretBytes.copyOf(key.bytes)
      near.bytes.writeUInt8(near.bytes.readUInt8(31) ^ 1, 31)
      await assertRefused('one bit of the key', cipher.decrypt(envelope, near, CONTEXT))
    })

    test('refuses another context', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      const others = {
        none: Buffer.alloc(0),
        'one byte less': CONTEXT.subarray(0, -1),
        'one byte more': Buffer.concat([CONTEXT, Buffer.alloc(1)]),
        'one bit': Buffer.from(CONTEXT.map((byte, i) => (i === 3 ? byte ^ 1 : byte))),
      }
      for (const [what, context] of Object.entries(others)) {
        await assertRefused(`context: ${what}`, cipher.decrypt(envelope, key, context))
      }
    })

    test('opens an altered envelope to the same plaintext or not at all', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      let refused = 0
      for (let step = 0; step < 32; step++) {
        const altered = replaced(envelope, Math.floor((step * (envelope.length - 1)) / 31))
        const outcome = await cipher.decrypt(altered, key, CONTEXT).catch((error: unknown) => ({ error }))
        if (outcome instanceof SecretBytes) {
          using opened = outcome
          assert.ok(opened.equals(plaintext), altered)
        } else {
          assert.deepEqual(visible(outcome.error), visible(new KmsError('integrity_failure')), altered)
          refused++
        }
      }
      assert.ok(refused > 16, `only ${refused} of 32 alterations were refused`)
    })

    test('refuses what is cut, joined or no envelope, with one error', PROMPTLY, async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      using longer = secretOf(200)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      const other = await cipher.encrypt(longer, key, CONTEXT)
      const half = Math.floor(envelope.length / 2)
      const texts: (readonly [what: string, text: string])[] = [
        ['empty', ''],
        ['cut at the end', envelope.slice(0, -1)],
        ['cut at the start', envelope.slice(1)],
        ['half', envelope.slice(0, half)],
        ['twice', envelope + envelope],
        ['two halves', envelope.slice(0, half) + other.slice(half)],
        ['white space', `${envelope} `],
        ['a zero byte', `${envelope}\u0000`],
        ['null', 'null'],
        ['an empty object', '{}'],
        ['prose', 'not an envelope'],
        ['lone surrogate', '\ud800'],
        ['very long', 'A'.repeat(LONG)],
        ['an envelope in very long white space', ' '.repeat(LONG) + envelope],
        ['deeply nested', '['.repeat(LONG)],
        ['many members', `{${'"a":1,'.repeat(LONG / 6)}"a":1}`],
        ...hostile(envelope),
      ]
      for (const [what, text] of texts) await assertRefused(what, cipher.decrypt(text, key, CONTEXT))
    })

    test('shows nothing secret in an error', async () => {
      const cipher = await open()
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8(TEXT)
      const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
      for (const text of [envelope.slice(0, -1), `${TEXT}${key.bytes.toString('base64')}`]) {
        const error: unknown = await cipher.decrypt(text, key, CONTEXT).catch((reason: unknown) => reason)
        assertFreeOf(inspect(error, { depth: Infinity, showHidden: true }), key, plaintext)
      }
      const error: unknown = await cipher
        .decrypt(envelope, key, Buffer.alloc(1))
        .catch((reason: unknown) => reason)
      assertFreeOf(inspect(error, { depth: Infinity, showHidden: true }), key, plaintext)
    })
  })
}

const assertFreeOf = (text: string, ...secrets: readonly SecretBytes[]): void => {
  for (const { bytes } of secrets) {
    for (const encoding of ['latin1', 'base64', 'base64url', 'hex'] as const) {
      assert.ok(!text.includes(bytes.toString(encoding)), `a secret stands there as ${encoding}`)
    }
  }
}
