/** PBKDF2 as the SJCL envelope needs it, alone, on all cores. Prints derivations a second. */
import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { rateOf } from './rate.ts'

const derive = promisify(pbkdf2)
const password = Buffer.from(randomBytes(32).toString('base64'))
console.log(await rateOf(() => derive(password, randomBytes(16), 10_000, 32, 'sha256')))
