import { after, test } from 'node:test'
import { hsmContract } from '../../../contracts/hsm.contract.ts'
import { missingSoftHsm, softHsmToken } from '../../../support/softhsm.ts'
import { openBench, plantGenerated } from './plant.ts'
import { openPkcs11 } from './support.ts'

const missing = missingSoftHsm()

if (missing === undefined) {
  const token = await softHsmToken({ after })
  const bench = openBench(token)
  const exportable = [{ type: bench.cryptoki.ck.CKA_EXTRACTABLE, value: true }]
  hsmContract('PKCS#11 on SoftHSM', async (t) => (await openPkcs11(t, token)).hsm, {
    openWithPlanted: async (t, id) => {
      const { publicKey } = plantGenerated(bench, id, exportable)
      return { hsm: (await openPkcs11(t, token)).hsm, publicKey }
    },
  })
} else {
  test('HSM contract: PKCS#11 on SoftHSM', { skip: missing })
}
