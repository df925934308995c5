import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { bits, CONTEXT, convenience, dataKey, ENGINES } from './support.ts'

const TEXTS: readonly [what: string, text: string][] = [
  ['nothing', ''],
  ['one character', 'x'],
  ['an xprv', `xprv${'9s21ZrQH143K'.repeat(9)}`.slice(0, 111)],
  ['text beyond ASCII', 'segurança 鍵 🔑'],
  ['65,519 bytes', 'a'.repeat(65_519)],
  ['65,520 bytes', 'b'.repeat(65_520)],
  ['65,535 bytes', 'c'.repeat(65_535)],
  ['65,536 bytes', 'd'.repeat(65_536)],
  ['a threshold share', 'QUJD'.repeat(82_450)],
]

const SETTINGS = { adata: bits(CONTEXT), iter: 10_000, ks: 256, ts: 128, mode: 'ccm', cipher: 'aes' }

for (const [name, make] of ENGINES) {
  suite(`the sjcl package and ${name}`, () => {
    for (const [what, text] of TEXTS) {
      test(`open each other's envelopes: ${what}`, async () => {
        const cipher = make()
        using key = dataKey()
        const password = key.bytes.toString('base64')
        using opened = await cipher.decrypt(convenience.encrypt(password, text, SETTINGS), key, CONTEXT)
        assert.equal(opened.bytes.toString(), text)

        using plaintext = SecretBytes.fromUtf8(text)
        const envelope = await cipher.encrypt(plaintext, key, CONTEXT)
        assert.equal(convenience.decrypt(password, envelope), text)
      })
    }

    for (const [what, settings] of [
      ['a salt of 8 bytes', { salt: bits(Buffer.alloc(8, 7)) }],
      ['a salt of 16 bytes', { salt: bits(Buffer.alloc(16, 7)) }],
      ['a salt of 64 bytes', { salt: bits(Buffer.alloc(64, 7)) }],
      ['a salt as base64 text', { salt: 'AQIDBAUGBwgJCg==' }],
      ['an iv of 16 bytes', { iv: bits(Buffer.alloc(16, 9)) }],
      ['an iv of 13 bytes', { iv: bits(Buffer.alloc(13, 9)) }],
      ['an iv of 12 bytes', { iv: bits(Buffer.alloc(12, 9)) }],
      ['101 rounds', { iter: 101 }],
      ['100,000 rounds', { iter: 100_000 }],
      ['a context given as text', { adata: CONTEXT.toString() }],
    ] as const) {
      test(`${name} opens what sjcl.json.encrypt makes with ${what}`, async () => {
        using key = dataKey()
        const made = convenience.json.encrypt(key.bytes.toString('base64'), 'texto em português: ã', {
          ...SETTINGS,
          ...settings,
        })
        using opened = await make().decrypt(made, key, CONTEXT)
        assert.equal(opened.bytes.toString(), 'texto em português: ã')
      })
    }

    test('opens what the package makes with no context', async () => {
      using key = dataKey()
      const made = convenience.encrypt(key.bytes.toString('base64'), 'text', { ...SETTINGS, adata: '' })
      using opened = await make().decrypt(made, key, new Uint8Array(0))
      assert.equal(opened.bytes.toString(), 'text')
    })

    test('refuses the settings that the package has by default', async () => {
      using key = dataKey()
      const made = convenience.encrypt(key.bytes.toString('base64'), 'text', { adata: bits(CONTEXT) })
      await assert.rejects(make().decrypt(made, key, CONTEXT), { code: 'integrity_failure' })
    })

    test('writes the members in the order and with the values of the format', async () => {
      using key = dataKey()
      using plaintext = SecretBytes.fromUtf8('text')
      const envelope = await make().encrypt(plaintext, key, CONTEXT)
      assert.match(
        envelope,
        /^\{"iv":"[\w+/]{22}==","v":1,"iter":10000,"ks":256,"ts":128,"mode":"ccm","adata":"[\w+/]+=*","cipher":"aes","salt":"[\w+/]{22}==","ct":"[\w+/]+=*"\}$/,
      )
      const filledIn: { adata?: number[] } = {}
      convenience.json.decrypt(key.bytes.toString('base64'), envelope, {}, filledIn)
      assert.deepEqual(filledIn.adata, bits(CONTEXT))
    })
  })
}
