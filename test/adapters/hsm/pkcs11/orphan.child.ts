import type { Pkcs11Hsm } from '../../../../src/adapters/hsm/pkcs11/pkcs11-hsm.ts'
import { openPkcs11 } from './support.ts'

/** A program that uses a token and is killed: LIBRARY LABEL PIN. On SIGUSR2 it makes one more data key. */
const [library = '', label = '', pin = ''] = process.argv.slice(2)

const make = async (hsm: Pkcs11Hsm): Promise<void> => (await hsm.generateDataKey())[Symbol.dispose]()

const { hsm } = await openPkcs11(
  { after: () => undefined },
  { library, label, pin, environment: process.env },
)
await make(hsm)
process.on('SIGUSR2', () => void make(hsm))
setInterval(() => undefined, 60_000)
process.stdout.write('ready\n')
