import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { encryptionContext } from '../../src/domain/encryption-context.ts'
import type { KeyDescription } from '../../src/domain/private-key.ts'

const descriptions: fc.Arbitrary<KeyDescription> = fc.record({
  tenant: fc.string(),
  pub: fc.string(),
  source: fc.constantFrom('user', 'backup'),
  coin: fc.string(),
  type: fc.string(),
})

suite('the encryption context', () => {
  test('is the label and the sorted entries, each prefixed by its length', () => {
    const context = encryptionContext({
      tenant: 'default',
      pub: 'p',
      source: 'user',
      coin: 'tbtc',
      type: 'tss',
    })
    const part = (text: string): string => `${'\0'.repeat(3)}${String.fromCharCode(text.length)}${text}`
    const entries = ['coin', 'tbtc', 'pub', 'p', 'source', 'user', 'tenant', 'default', 'type', 'tss']
    assert.equal(context.toString('latin1'), ['cofre/context/v1', ...entries].map(part).join(''))
  })

  test('is the same for the same key, and different for any other', () => {
    fc.assert(
      fc.property(descriptions, descriptions, (one, other) => {
        const equal = (['tenant', 'pub', 'source', 'coin', 'type'] as const).every(
          (name) => one[name] === other[name],
        )
        assert.equal(encryptionContext(one).equals(encryptionContext(other)), equal)
        assert.deepEqual(encryptionContext({ ...one }), encryptionContext(one))
      }),
    )
  })

  test('tells apart what would be equal when joined', () => {
    const one = { tenant: 'default', pub: 'ab', source: 'user', coin: 'c', type: 't' } as const
    const contexts = [one, { ...one, pub: 'a', coin: 'bc' }, { ...one, coin: 'ct', type: '' }].map((key) =>
      encryptionContext(key).toString('hex'),
    )
    assert.equal(new Set(contexts).size, 3)
  })
})
