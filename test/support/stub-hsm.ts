import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  randomFillSync,
} from 'node:crypto'
import type { WrappingAlgorithm } from '../../src/domain/root-key.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { publicKeySha256 } from '../../src/domain/wrapping.ts'
import type { HsmPort } from '../../src/ports/hsm.port.ts'

const pairs: KeyObject[] = []

/** Key pairs take long to make, so tests share them: the n-th is the same for every caller. */
export const testPrivateKey = (n: number): KeyObject => {
  while (pairs.length <= n) pairs.push(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
  return pairs[n] as KeyObject
}

const OPENERS = {
  'rsa-oaep-sha256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  'rsa-oaep-sha1': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  'rsa-pkcs1-v15': { padding: constants.RSA_PKCS1_PADDING },
} as const

export interface StubHsmOptions {
  readonly provider?: string
  /** What the device opens; default OAEP with SHA-256. */
  readonly opens?: WrappingAlgorithm
  readonly candidates?: readonly WrappingAlgorithm[]
  /** The device's permanent objects; several stubs may share them. */
  readonly objects?: Map<string, KeyObject>
  /** Which of the test pairs a new root key gets; counted up. */
  readonly firstPair?: number
}

/**
 * A device in memory whose every method a test may replace. With `uniqueNames: false` it is like PKCS#11: a
 * second pair of one name is made, and can be destroyed.
 */
export const stubHsm = ({
  provider = 'stub',
  opens = 'rsa-oaep-sha256',
  candidates = ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
  objects = new Map(),
  firstPair = 0,
}: StubHsmOptions = {}) => {
  let nextPair = firstPair
  const calls = { createRootKey: 0, unwrapDataKey: 0, generateDataKey: 0 }
  const hsm = {
    provider,
    wrapping: { candidates, setting: 'STUB_PADDING' },
    available: true,
    async createRootKey({ id }) {
      calls.createRootKey++
      const found = objects.get(id)
      if (found !== undefined) return { outcome: 'exists', publicKey: createPublicKey(found) }
      const made = testPrivateKey(nextPair++)
      objects.set(id, made)
      return { outcome: 'created', publicKey: createPublicKey(made) }
    },
    async getPublicKey({ id }) {
      const found = objects.get(id)
      return found && createPublicKey(found)
    },
    async checkRootKeyOrigin(): Promise<string | undefined> {
      return undefined
    },
    async generateDataKey() {
      calls.generateDataKey++
      return SecretBytes.fill(32, (bytes) => void randomFillSync(bytes))
    },
    async unwrapDataKey({ id, algorithm }, wrapped) {
      calls.unwrapDataKey++
      const key = objects.get(id)
      if (key === undefined || algorithm !== opens) return SecretBytes.copyOf(new Uint8Array(0))
      try {
        return SecretBytes.take(privateDecrypt({ key, ...OPENERS[algorithm] }, wrapped))
      } catch {
        return SecretBytes.copyOf(new Uint8Array(0))
      }
    },
    async close() {},
  } satisfies HsmPort as HsmPort & { -readonly [K in keyof HsmPort]: HsmPort[K] }
  return {
    hsm,
    objects,
    calls,
    sha256Of: (id: string) => publicKeySha256(createPublicKey(objects.get(id) as KeyObject)),
  }
}
