import { hsmContract } from '../../../contracts/hsm.contract.ts'
import { Devices, openOver } from './support.ts'

for (const hosts of [1, 2]) {
  hsmContract(
    `Dinamo, ${hosts} host${hosts > 1 ? 's' : ''}`,
    async (t) => openOver(t, await Devices.start(t, hosts)),
    {
      openWithPlanted: async (t, id) => {
        const devices = await Devices.start(t, hosts)
        const planter = openOver(t, devices, { session: { rootKeyExportable: true } })
        return { hsm: openOver(t, devices), publicKey: (await planter.createRootKey({ id })).publicKey }
      },
    },
  )
}
hsmContract('Dinamo, OAEP with SHA-1', async (t) =>
  openOver(t, await Devices.start(t, 1, { padding: 'oaep-sha1' })),
)
hsmContract('Dinamo, PKCS#1 v1.5', async (t) =>
  openOver(t, await Devices.start(t, 1, { padding: 'pkcs1' }), { candidates: ['rsa-pkcs1-v15'] }),
)
