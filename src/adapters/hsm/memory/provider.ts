import { Type } from '@sinclair/typebox'
import type { HsmProvider } from '../../../ports/hsm-provider.port.ts'
import { memoryHsm } from './memory-hsm.ts'

const configuration = Type.Object({})

export const provider: HsmProvider<typeof configuration> = {
  name: 'memory',
  configuration,
  create: async (_configuration, { logger, random }) => {
    logger.warn(
      { provider: 'memory' },
      'HSM_PROVIDER=memory: there is no HSM. Root keys lie open in the memory of this process and are gone with it, ' +
        'and with them every private key that they wrap. Never store a key that is worth anything.',
    )
    return memoryHsm({ random })
  },
}
