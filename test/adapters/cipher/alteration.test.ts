import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeSjclCipher } from '../../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { sjclPackageCipher } from '../../../src/adapters/cipher/sjcl-package/sjcl-package-cipher.ts'
import { dataKey, makeEnvelope, outcome } from './support.ts'

const PLAINTEXT = Buffer.from('a key')
const NONCE_BYTES = 13

const ENVELOPE = makeEnvelope({ plaintext: PLAINTEXT, context: Buffer.from('context'), iterations: 100 })

/** Every text that one replaced, removed or added character makes of the envelope. */
const alterations = function* (characters: string): Generator<string> {
  for (let at = 0; at < ENVELOPE.length; at++) {
    const [before, after] = [ENVELOPE.slice(0, at), ENVELOPE.slice(at + 1)]
    yield before + after
    for (const character of characters) {
      if (character !== ENVELOPE[at]) yield before + character + after
      yield before + character + ENVELOPE.slice(at)
    }
  }
}

/** CCM uses 13 bytes of the iv: the other three are the only part of an envelope that nothing authenticates. */
const differsOnlyBehindNonce = (altered: string): boolean => {
  const ivOf = (text: string): string => /^\{"iv":"([^"]*)"/.exec(text)?.[1] ?? ''
  const nonceOf = (text: string): string => Buffer.from(ivOf(text), 'base64').toString('hex', 0, NONCE_BYTES)
  return altered.replace(ivOf(altered), ivOf(ENVELOPE)) === ENVELOPE && nonceOf(altered) === nonceOf(ENVELOPE)
}

suite('an envelope with one altered character', () => {
  for (const [name, make, characters] of [
    ['node:crypto', nodeSjclCipher, 'Aa0129/+=",: {}\\'],
    ['sjcl package', sjclPackageCipher, 'B9='],
  ] as const) {
    test(`opens to the same plaintext, in one place, or is refused: ${name}`, async () => {
      const cipher = make()
      using key = dataKey()
      const context = Buffer.from('context')
      const expected = PLAINTEXT.toString('hex')
      assert.equal(await outcome(cipher, ENVELOPE, key, context), expected)
      let opened = 0
      for (const altered of alterations(characters)) {
        const result = await outcome(cipher, altered, key, context)
        if (result !== undefined) opened++
        assert.equal(
          result,
          differsOnlyBehindNonce(altered) && result !== undefined ? expected : undefined,
          altered,
        )
      }
      assert.ok(opened > 0, 'the three bytes behind the nonce were not reached')
    })
  }
})
