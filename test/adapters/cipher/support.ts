import assert from 'node:assert/strict'
import { createCipheriv, createHash, pbkdf2Sync } from 'node:crypto'
import sjcl from 'sjcl'
import { nodeSjclCipher } from '../../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import type { SjclCipherOptions } from '../../../src/adapters/cipher/sjcl-json/sjcl-json-cipher.ts'
import { sjclPackageCipher } from '../../../src/adapters/cipher/sjcl-package/sjcl-package-cipher.ts'
import { KmsError } from '../../../src/domain/errors.ts'
import type { FillRandom } from '../../../src/domain/random.ts'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../src/ports/envelope-cipher.port.ts'

export const ENGINES: readonly [name: string, make: (options?: SjclCipherOptions) => EnvelopeCipherPort][] = [
  ['node:crypto', nodeSjclCipher],
  ['sjcl package', sjclPackageCipher],
]

export const CONTEXT = Buffer.from('cofre/context/v1: café')

export const dataKey = (label = 'a'): SecretBytes =>
  SecretBytes.take(createHash('sha256').update(`data key ${label}`).digest())

/** The package's own functions as they are: its types say that they return objects. */
export const convenience = sjcl as unknown as {
  encrypt(password: string, text: string, parameters: object): string
  decrypt(password: string, envelope: string, parameters?: object, filledIn?: object): string
  json: Omit<typeof convenience, 'json'>
}

/** Bytes as the package's bit array, by its own codec. */
export const bits = (bytes: Uint8Array): number[] => sjcl.codec.hex.toBits(Buffer.from(bytes).toString('hex'))

/** Gives these bytes in turn, each for one request of its very length. */
export const knownRandom = (...values: readonly Uint8Array[]): FillRandom => {
  const rest = [...values]
  return (bytes) => {
    const next = rest.shift()
    assert.equal(next?.length, bytes.length, 'asked for other random bytes than expected')
    bytes.set(next ?? [])
    return bytes
  }
}

export interface Recipe {
  readonly plaintext: Uint8Array
  readonly iterations?: number
  readonly iv?: Uint8Array
  readonly salt?: Uint8Array
  readonly context?: Uint8Array
  readonly key?: SecretBytes
}

/** An envelope made apart from the code under test, of up to 65,535 bytes and any number of iterations. */
export const makeEnvelope = ({
  plaintext,
  iterations = 100,
  iv = Buffer.from('0123456789abcdef'),
  salt = Buffer.from('fedcba98'),
  context = CONTEXT,
  key = dataKey(),
}: Recipe): string => {
  const derived = pbkdf2Sync(key.bytes.toString('base64'), salt, iterations, 32, 'sha256')
  const cipher = createCipheriv('aes-256-ccm', derived, iv.subarray(0, 13), { authTagLength: 16 })
  cipher.setAAD(context, { plaintextLength: plaintext.length })
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const ct = Buffer.concat([ciphertext, cipher.getAuthTag()]).toString('base64')
  const [ivText, adata, saltText] = [iv, context, salt].map((bytes) => Buffer.from(bytes).toString('base64'))
  return `{"iv":"${ivText}","v":1,"iter":${iterations},"ks":256,"ts":128,"mode":"ccm","adata":"${adata}","cipher":"aes","salt":"${saltText}","ct":"${ct}"}`
}

/** What came of opening: the plaintext as hex, or undefined for the one refusal. */
export const outcome = async (
  cipher: EnvelopeCipherPort,
  envelope: string,
  key: SecretBytes,
  context: Uint8Array = CONTEXT,
): Promise<string | undefined> => {
  try {
    using opened = await cipher.decrypt(envelope, key, context)
    return opened.bytes.toString('hex')
  } catch (error) {
    if (KmsError.is(error, 'integrity_failure')) return undefined
    throw error
  }
}
