import { constants, createPublicKey, generateKeyPair, type KeyObject, privateDecrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { KmsError } from '../../../domain/errors.ts'
import { type FillRandom, systemRandom } from '../../../domain/random.ts'
import {
  MODULUS_BYTES,
  type RootKeyReference,
  WRAPPING_ALGORITHMS,
  type WrappingAlgorithm,
} from '../../../domain/root-key.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import { DATA_KEY_BYTES } from '../../../domain/wrapped-data-key.ts'
import type { CreatedRootKey, HsmPort, RootKeyOrigin } from '../../../ports/hsm.port.ts'

/** Private halves by name. */
export type MemoryHsmKeys = Map<string, Promise<KeyObject>>

export interface MemoryHsmOptions {
  /** What it opens; default: all. What is wrapped in another way does not open. */
  readonly opens?: readonly WrappingAlgorithm[]
  /** What it offers; default: both OAEP variants. */
  readonly candidates?: readonly WrappingAlgorithm[]
  /** Shared by those that stand for one HSM, one after the other or at once; default: its own. */
  readonly keys?: MemoryHsmKeys
  readonly random?: FillRandom
}

const PADDING = {
  'rsa-oaep-sha256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  'rsa-oaep-sha1': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  // A malformed block gives pseudo-random bytes, not an error: an answer like any other.
  'rsa-pkcs1-v15': { padding: constants.RSA_PKCS1_PADDING },
} as const satisfies Record<WrappingAlgorithm, object>

/** What this program's memory HSMs made; whatever else stands among their keys was put there. */
const made = new WeakSet<KeyObject>()

const NOTHING = new Uint8Array(0)

const generatePair = promisify(generateKeyPair)

const makePair = async (): Promise<KeyObject> => {
  const { privateKey } = await generatePair('rsa', {
    modulusLength: MODULUS_BYTES * 8,
    publicExponent: 0x10001,
  })
  made.add(privateKey)
  return privateKey
}

/** An HSM in this process's memory, for tests and development: whoever reads the memory has the root keys. */
export const memoryHsm = ({
  opens = WRAPPING_ALGORITHMS,
  candidates = ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
  keys = new Map(),
  random = systemRandom,
}: MemoryHsmOptions = {}): HsmPort => {
  let closed = false

  const checkOpen = (): void => {
    if (closed) throw new KmsError('hsm_unavailable', { cause: new Error('the memory HSM was closed') })
  }

  const createRootKey = async ({ id }: { readonly id: string }): Promise<CreatedRootKey> => {
    checkOpen()
    const found = keys.get(id)
    const pair = found ?? makePair()
    keys.set(id, pair)
    return { outcome: found === undefined ? 'created' : 'exists', publicKey: createPublicKey(await pair) }
  }

  const getPublicKey = async ({ id }: RootKeyReference): Promise<KeyObject | undefined> => {
    checkOpen()
    const pair = await keys.get(id)
    return pair === undefined ? undefined : createPublicKey(pair)
  }

  const checkRootKeyOrigin = async ({ id }: RootKeyOrigin): Promise<string | undefined> => {
    checkOpen()
    const key = await keys.get(id)
    if (key === undefined) return 'the memory HSM does not have it'
    return made.has(key) ? undefined : 'it was not made in the memory HSM'
  }

  const unwrapDataKey = async (
    { id, algorithm }: RootKeyReference,
    wrapped: Uint8Array,
  ): Promise<SecretBytes> => {
    checkOpen()
    const key = await keys.get(id)
    if (key === undefined) {
      throw new KmsError('hsm_unavailable', { cause: new Error('the memory HSM has no such root key') })
    }
    if (!opens.includes(algorithm)) return SecretBytes.copyOf(NOTHING)
    try {
      return SecretBytes.take(privateDecrypt({ key, ...PADDING[algorithm] }, wrapped))
    } catch {
      return SecretBytes.copyOf(NOTHING)
    }
  }

  return {
    provider: 'memory',
    wrapping: { candidates, setting: 'HSM_PROVIDER' },
    get available() {
      return !closed
    },
    createRootKey,
    getPublicKey,
    checkRootKeyOrigin,
    generateDataKey: async () => {
      checkOpen()
      return SecretBytes.fill(DATA_KEY_BYTES, (bytes) => void random(bytes))
    },
    unwrapDataKey,
    close: async () => {
      closed = true
    },
  }
}
