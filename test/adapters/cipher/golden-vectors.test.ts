import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SecretBytes } from '../../../src/domain/secret-bytes.ts'
import type { EnvelopeCipherPort } from '../../../src/ports/envelope-cipher.port.ts'
import { ENGINES, knownRandom } from './support.ts'
import { type EnvelopeVector, plaintextOf, readVectors, sha256, VECTOR_FILES } from './vectors.ts'

const decode = (text: string): Buffer => Buffer.from(text, 'base64')

/** The service writes one number of rounds and one length of salt and iv; other vectors are only read. */
const isWritten = ({ iterations, salt, iv }: EnvelopeVector): boolean =>
  iterations === 10_000 && decode(salt).length === 16 && decode(iv).length === 16

const remake = async (make: (typeof ENGINES)[number][1], vector: EnvelopeVector): Promise<string> => {
  using key = SecretBytes.take(decode(vector.dataKey))
  using plaintext = plaintextOf(vector)
  const cipher = make({ random: knownRandom(decode(vector.salt), decode(vector.iv)) })
  return await cipher.encrypt(plaintext, key, decode(vector.context))
}

const assertOpens = async (
  cipher: EnvelopeCipherPort,
  text: string,
  vector: EnvelopeVector,
): Promise<void> => {
  using key = SecretBytes.take(decode(vector.dataKey))
  using expected = plaintextOf(vector)
  using opened = await cipher.decrypt(text, key, decode(vector.context))
  assert.ok(opened.equals(expected))
}

for (const file of VECTOR_FILES) {
  for (const [name, make] of ENGINES) {
    suite(`${file} on ${name}`, () => {
      for (const vector of readVectors(file)) {
        const { envelope } = vector
        if (isWritten(vector)) {
          test(`is made again and opened: ${vector.name}`, async () => {
            const text = await remake(make, vector)
            if ('text' in envelope) assert.equal(text, envelope.text)
            else assert.equal(sha256(text), envelope.sha256)
            await assertOpens(make(), text, vector)
          })
        } else {
          test(`is opened: ${vector.name}`, async () => {
            assert.ok('text' in envelope)
            await assertOpens(make(), envelope.text, vector)
          })
        }
      }
    })
  }
}
