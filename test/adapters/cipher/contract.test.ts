import { a256gcmCipher } from '../../../src/adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { boundedCipher } from '../../../src/adapters/cipher/bounded-cipher.ts'
import { readableFormats } from '../../../src/adapters/cipher/readable-formats.ts'
import { envelopeCipherContract } from '../../contracts/envelope-cipher.contract.ts'
import { hostileEnvelopes } from './hostile-envelopes.ts'
import { hostileGcmEnvelopes } from './hostile-gcm-envelopes.ts'
import { ENGINES } from './support.ts'

for (const [name, make] of ENGINES) envelopeCipherContract(name, () => make(), { hostile: hostileEnvelopes })

envelopeCipherContract('a256gcm', () => a256gcmCipher(), { hostile: hostileGcmEnvelopes })

for (const [name, make] of ENGINES) {
  envelopeCipherContract(`all formats, bounded, writing a256gcm, with ${name}`, () =>
    boundedCipher(readableFormats(a256gcmCipher(), make()), {
      concurrency: 2,
      maxQueue: 100,
      maxWaitMs: 60_000,
    }),
  )
}
