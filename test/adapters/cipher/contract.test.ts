import { envelopeCipherContract } from '../../contracts/envelope-cipher.contract.ts'
import { hostileEnvelopes } from './hostile-envelopes.ts'
import { ENGINES } from './support.ts'

for (const [name, make] of ENGINES) envelopeCipherContract(name, () => make(), { hostile: hostileEnvelopes })
