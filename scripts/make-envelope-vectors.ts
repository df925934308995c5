/**
 * Made test/vectors/envelope-*.json: known envelopes of the sjcl package, and of the service itself. They never
 * change, so an existing file is not written again. For a new format, add a new file beside them.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import sjcl from 'sjcl'
import { nodeSjclCipher } from '../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { SecretBytes } from '../src/domain/secret-bytes.ts'
import { convenience, knownRandom } from '../test/adapters/cipher/support.ts'
import {
  type EnvelopeVector,
  plaintextOf,
  sha256,
  VECTOR_FILES,
  vectorPath,
} from '../test/adapters/cipher/vectors.ts'

type Inputs = Omit<EnvelopeVector, 'envelope'>

const MAX_STORED_LENGTH = 4_000
const CONTEXT = 'cofre/context/v1 of a golden vector'

const bytes = (label: string, length: number): string =>
  createHash('shake256', { outputLength: length }).update(`cofre/vectors/${label}`).digest('base64')

interface Choices {
  readonly context?: string
  readonly iterations?: number
  readonly saltBytes?: number
  readonly ivBytes?: number
}

const inputs = (name: string, plaintext: Inputs['plaintext'], choices: Choices = {}): Inputs => ({
  name,
  dataKey: bytes(`${name}/data key`, 32),
  context: Buffer.from(choices.context ?? CONTEXT).toString('base64'),
  iterations: choices.iterations ?? 10_000,
  salt: bytes(`${name}/salt`, choices.saltBytes ?? 16),
  iv: bytes(`${name}/iv`, choices.ivBytes ?? 16),
  plaintext,
})

const named = (length: number): string => `${length.toLocaleString('en-US')} bytes`

const BY_PACKAGE = [
  inputs('nothing', { text: '' }),
  inputs('one character', { text: 'x' }),
  inputs('the length of an xprv', { printable: 111 }),
  inputs('text beyond ASCII', { text: 'cofre segurança 鍵 🔑 \u0000 e\u0301' }),
  inputs('no context', { text: 'bound to nothing' }, { context: '' }),
  inputs('a context beyond ASCII', { text: 'bound' }, { context: 'pub/ação/鍵' }),
  ...[65_519, 65_520, 65_535, 65_536, 329_800].map((length) => inputs(named(length), { printable: length })),
  inputs('the salt of 8 bytes that the package makes', { printable: 111 }, { saltBytes: 8 }),
  inputs('a salt of 10 bytes', { text: 'salted' }, { saltBytes: 10 }),
  inputs('a salt of 64 bytes', { text: 'salted' }, { saltBytes: 64 }),
  inputs('an iv of 13 bytes', { text: 'iv' }, { ivBytes: 13 }),
  inputs('an iv of 12 bytes', { text: 'iv' }, { ivBytes: 12 }),
  inputs('101 rounds', { text: 'few' }, { iterations: 101 }),
  inputs('100,000 rounds', { text: 'many' }, { iterations: 100_000 }),
]

/** Bytes that are no text: the package's own function takes none. */
const BY_SERVICE = [0, 1, 15, 16, 17, 32, 65_519, 65_520, 65_535, 65_536, 329_800].map((length) =>
  inputs(`${named(length)} that are no text`, { bytes: length }),
)

const byPackage = async (vector: Inputs): Promise<string> => {
  using plaintext = plaintextOf(vector)
  const { base64 } = sjcl.codec
  return convenience.encrypt(vector.dataKey, plaintext.bytes.toString('utf8'), {
    adata: base64.toBits(vector.context),
    iter: vector.iterations,
    ks: 256,
    ts: 128,
    salt: base64.toBits(vector.salt),
    iv: base64.toBits(vector.iv),
  })
}

const byService = async (vector: Inputs): Promise<string> => {
  const [salt, iv, context] = [vector.salt, vector.iv, vector.context].map((text) =>
    Buffer.from(text, 'base64'),
  )
  using dataKey = SecretBytes.take(Buffer.from(vector.dataKey, 'base64'))
  using plaintext = plaintextOf(vector)
  const cipher = nodeSjclCipher({ random: knownRandom(salt as Buffer, iv as Buffer) })
  return await cipher.encrypt(plaintext, dataKey, context as Buffer)
}

const write = async (
  file: (typeof VECTOR_FILES)[number],
  about: string,
  all: readonly Inputs[],
  make: (vector: Inputs) => Promise<string>,
): Promise<void> => {
  const vectors: EnvelopeVector[] = []
  for (const vector of all) {
    const text = await make(vector)
    const envelope = text.length > MAX_STORED_LENGTH ? { sha256: sha256(text) } : { text }
    vectors.push({ ...vector, envelope })
  }
  writeFileSync(vectorPath(file), `${JSON.stringify({ about, vectors }, null, 2)}\n`, { flag: 'wx' })
}

await write(VECTOR_FILES[0], 'Made by sjcl.encrypt of npm sjcl 1.0.9.', BY_PACKAGE, byPackage)
await write(VECTOR_FILES[1], 'Made by the engine on node:crypto.', BY_SERVICE, byService)
