import { after, test } from 'node:test'
import { hsmContract } from '../../../contracts/hsm.contract.ts'
import { missingSoftHsm, softHsmToken } from '../../../support/softhsm.ts'
import { openPkcs11 } from './support.ts'

const missing = missingSoftHsm()

if (missing === undefined) {
  const token = await softHsmToken({ after })
  hsmContract('PKCS#11 on SoftHSM', async (t) => (await openPkcs11(t, token)).hsm)
} else {
  test('HSM contract: PKCS#11 on SoftHSM', { skip: missing })
}
