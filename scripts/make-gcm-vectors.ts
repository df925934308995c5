/**
 * Made test/vectors/envelope-a256gcm.json. It never changes, so an existing file is not written again. For a new
 * format, add a new file beside it.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { a256gcmCipher } from '../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { SecretBytes } from '../src/domain/secret-bytes.ts'
import { knownRandom } from '../test/adapters/cipher/support.ts'

const bytes = (label: string, length: number): Buffer =>
  createHash('shake256', { outputLength: length }).update(`cofre/vectors/a256gcm/${label}`).digest()

const make = async (name: string, plaintextLength: number, contextLength: number) => {
  const [key, iv] = [bytes(`${name}/key`, 32), bytes(`${name}/iv`, 12)]
  const [text, context] = [bytes(`${name}/text`, plaintextLength), bytes(`${name}/context`, contextLength)]
  using dataKey = SecretBytes.copyOf(key)
  using plaintext = SecretBytes.copyOf(text)
  const envelope = await a256gcmCipher({ random: knownRandom(iv) }).encrypt(plaintext, dataKey, context)
  const [keyText, contextText, ivText, plainText] = [key, context, iv, text].map((part) =>
    part.toString('base64'),
  )
  return { name, dataKey: keyText, context: contextText, iv: ivText, plaintext: plainText, envelope }
}

const vectors = [
  await make('nothing', 0, 0),
  await make('one byte', 1, 100),
  await make('a block', 16, 100),
  await make('the length of an xprv', 111, 250),
  await make('895 bytes', 895, 250),
]
const about = 'Made by src/adapters/cipher/a256gcm. Byte strings are standard base64.'
writeFileSync(
  new URL('../test/vectors/envelope-a256gcm.json', import.meta.url),
  `${JSON.stringify({ about, vectors }, null, 2)}\n`,
  { flag: 'wx' },
)
