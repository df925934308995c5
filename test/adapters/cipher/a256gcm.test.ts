import assert from 'node:assert/strict'
import { createDecipheriv, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { a256gcmCipher } from '../../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { nodeSjclCipher } from '../../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { readableFormats } from '../../../src/adapters/cipher/readable-formats.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { CONTEXT, dataKey, knownRandom } from './support.ts'

interface GcmVector {
  readonly name: string
  readonly dataKey: string
  readonly context: string
  readonly iv: string
  readonly plaintext: string
  readonly envelope: string
}

const { vectors }: { vectors: readonly GcmVector[] } = JSON.parse(
  readFileSync(new URL('../../vectors/envelope-a256gcm.json', import.meta.url), 'utf8'),
)

const decode = (text: string): Buffer => Buffer.from(text, 'base64')

/** Opened apart from the code under test, as the ADR describes the format. */
const openByHand = (envelope: string, key: Uint8Array, context: Uint8Array): Buffer => {
  const { iv, ct } = JSON.parse(envelope) as { iv: string; ct: string }
  const sealed = decode(ct)
  const derived = Buffer.from(hkdfSync('sha256', key, '', 'cofre/a256gcm/v1', 32))
  const decipher = createDecipheriv('aes-256-gcm', derived, decode(iv), { authTagLength: 16 })
  decipher.setAAD(Buffer.concat([Buffer.from('a256gcm'), context]))
  decipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
}

suite('golden envelopes of a256gcm', () => {
  for (const vector of vectors) {
    test(`are made again and opened: ${vector.name}`, async () => {
      using key = SecretBytes.take(decode(vector.dataKey))
      using plaintext = SecretBytes.take(decode(vector.plaintext))
      const context = decode(vector.context)
      const cipher = a256gcmCipher({ random: knownRandom(decode(vector.iv)) })
      assert.equal(await cipher.encrypt(plaintext, key, context), vector.envelope)
      using opened = await cipher.decrypt(vector.envelope, key, context)
      assert.ok(opened.equals(plaintext))
      assert.deepEqual(openByHand(vector.envelope, key.bytes, context), Buffer.from(plaintext.bytes))
    })
  }
})

suite('an a256gcm envelope', () => {
  test('with one altered character opens to nothing', async () => {
    const cipher = a256gcmCipher()
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('a key')
    const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
    for (let at = 0; at < envelope.length; at++) {
      for (const character of 'Aa01+/=",: {}\\') {
        const [before, after] = [envelope.slice(0, at), envelope.slice(at + 1)]
        const altered = [before + after, before + character + envelope.slice(at)]
        if (character !== envelope[at]) altered.push(before + character + after)
        for (const text of altered) {
          await assert.rejects(cipher.decrypt(text, key, CONTEXT), { code: 'integrity_failure' }, text)
        }
      }
    }
  })

  test('that is too long to be read again is not written', async () => {
    const cipher = a256gcmCipher()
    using key = dataKey()
    using plaintext = SecretBytes.fill(2 * 1024 * 1024, () => undefined)
    await assert.rejects(cipher.encrypt(plaintext, key, CONTEXT), { code: 'validation_failed' })
  })
})

suite('several formats', () => {
  test('are read, whichever is written', async () => {
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('a key')
    const [sjcl, gcm] = [nodeSjclCipher(), a256gcmCipher()]
    for (const [writer, reader] of [
      [sjcl, gcm],
      [gcm, sjcl],
    ] as const) {
      const both = readableFormats(writer, reader)
      assert.equal(both.format, writer.format)
      assert.ok(writer.recognizes(await both.encrypt(plaintext, key, CONTEXT)))
      for (const cipher of [sjcl, gcm]) {
        const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
        assert.ok(both.recognizes(envelope))
        using opened = await both.decrypt(envelope, key, CONTEXT)
        assert.ok(opened.equals(plaintext))
      }
    }
  })

  test('do not open under each other’s name', async () => {
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('a key')
    const envelope = await a256gcmCipher().encrypt(plaintext, key, CONTEXT)
    await assert.rejects(nodeSjclCipher().decrypt(envelope, key, CONTEXT), { code: 'integrity_failure' })
  })
})
