import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { boundedCipher } from '../../../src/adapters/cipher/bounded-cipher.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import { CONTEXT, dataKey } from './support.ts'

/** A cipher whose calls end when they are told to. */
const heldCipher = () => {
  const held: PromiseWithResolvers<string>[] = []
  const cipher = {
    format: 'held',
    recognizes: () => true,
    encrypt: () => {
      const call = Promise.withResolvers<string>()
      held.push(call)
      return call.promise
    },
    decrypt: () => Promise.reject(new Error('not used')),
  }
  return { held, cipher }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

suite('a bounded cipher', () => {
  test('works on so many at once, keeps the order, and refuses what may not even wait', async () => {
    const { held, cipher } = heldCipher()
    const bounded = boundedCipher(cipher, { concurrency: 2, maxQueue: 2, maxWaitMs: 60_000 })
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('text')
    const encrypt = () => bounded.encrypt(plaintext, key, CONTEXT)
    const calls = [encrypt(), encrypt(), encrypt(), encrypt()]
    await assert.rejects(encrypt(), { code: 'cipher_busy' })
    assert.equal(held.length, 2)
    held[1]?.resolve('second')
    assert.equal(await calls[1], 'second')
    await tick()
    assert.equal(held.length, 3)
    held[0]?.reject(new Error('failed'))
    await assert.rejects(calls[0] ?? Promise.resolve(), /failed/)
    await tick()
    assert.equal(held.length, 4)
    for (const [at, call] of held.entries()) call.resolve(`${at}`)
    assert.deepEqual(await Promise.all(calls.slice(2)), ['2', '3'])
    const last = encrypt()
    held[4]?.resolve('fresh')
    assert.equal(await last, 'fresh')
  })

  test('lets nobody wait for longer than it may', async () => {
    const { held, cipher } = heldCipher()
    const bounded = boundedCipher(cipher, { concurrency: 1, maxQueue: 2, maxWaitMs: 5 })
    using key = dataKey()
    using plaintext = SecretBytes.fromUtf8('text')
    const first = bounded.encrypt(plaintext, key, CONTEXT)
    await assert.rejects(bounded.encrypt(plaintext, key, CONTEXT), { code: 'cipher_busy' })
    held[0]?.resolve('first')
    assert.equal(await first, 'first')
    const next = bounded.encrypt(plaintext, key, CONTEXT)
    held[1]?.resolve('next')
    assert.equal(await next, 'next')
  })
})
