import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { type MemoryHsmOptions, memoryHsm } from '../../../../src/adapters/hsm/memory/memory-hsm.ts'
import { provider } from '../../../../src/adapters/hsm/memory/provider.ts'
import { systemClock, systemRandom } from '../../../../src/domain/random.ts'
import { WRAPPING_ALGORITHMS } from '../../../../src/domain/root-key.ts'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { publicKeySha256, wrap } from '../../../../src/domain/wrapping.ts'
import type { LogLine } from '../../../../src/ports/logger.port.ts'
import { hsmContract } from '../../../contracts/hsm.contract.ts'

hsmContract('memory', () => memoryHsm(), {
  openWithPlanted: async (_t, id) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return { hsm: memoryHsm({ keys: new Map([[id, Promise.resolve(privateKey)]]) }), publicKey }
  },
})
hsmContract('memory that opens PKCS#1 v1.5 alone', () =>
  memoryHsm({ opens: ['rsa-pkcs1-v15'], candidates: ['rsa-pkcs1-v15'] }),
)

const ID = 'a'.repeat(32)

/** Which of the paddings come back. */
const opened = async (options: MemoryHsmOptions): Promise<readonly string[]> => {
  const hsm = memoryHsm(options)
  const { publicKey } = await hsm.createRootKey({ id: ID })
  using secret = SecretBytes.fill(32, (bytes) => bytes.fill(3))
  const found: string[] = []
  for (const algorithm of WRAPPING_ALGORITHMS) {
    const reference = { id: ID, algorithm, publicKeySha256: publicKeySha256(publicKey) }
    using answer = await hsm.unwrapDataKey(reference, wrap(publicKey, algorithm, secret))
    if (answer.equals(secret)) found.push(algorithm)
  }
  return found
}

suite('the memory HSM', () => {
  test('opens the paddings that it is told to', async () => {
    assert.deepEqual(await opened({}), WRAPPING_ALGORITHMS)
    assert.deepEqual(await opened({ opens: ['rsa-oaep-sha1'] }), ['rsa-oaep-sha1'])
    assert.deepEqual(await opened({ opens: [] }), [])
  })

  test('offers PKCS#1 v1.5 only if it is told to', () => {
    assert.deepEqual(memoryHsm().wrapping.candidates, ['rsa-oaep-sha256', 'rsa-oaep-sha1'])
    assert.deepEqual(memoryHsm({ candidates: ['rsa-pkcs1-v15'] }).wrapping.candidates, ['rsa-pkcs1-v15'])
  })

  test('finds its root keys again where it is given them', async () => {
    const keys = new Map()
    const { publicKey } = await memoryHsm({ keys }).createRootKey({ id: ID })
    const again = await memoryHsm({ keys }).createRootKey({ id: ID })
    assert.equal(again.outcome, 'exists')
    assert.ok(again.publicKey.equals(publicKey))
  })

  test('as a provider warns that it is no HSM', async () => {
    const warnings: string[] = []
    const silent: LogLine = () => {}
    const logger = {
      debug: silent,
      info: silent,
      warn: (_fields: object, message: string) => void warnings.push(message),
      error: silent,
    }
    const hsm = await provider.create({}, { logger, clock: systemClock, random: systemRandom })
    assert.equal(hsm.provider, provider.name)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /no HSM/)
  })
})
