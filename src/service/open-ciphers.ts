import { a256gcmCipher } from '../adapters/cipher/a256gcm/a256gcm-cipher.ts'
import { nodeSjclCipher } from '../adapters/cipher/node/node-sjcl-cipher.ts'
import type { ServiceSettings } from '../config/service-settings.ts'
import type { EnvelopeCipherPort } from '../ports/envelope-cipher.port.ts'
import type { Logger } from '../ports/logger.port.ts'

/** The ciphers of all formats: the first one writes. */
export const openCiphers = async (
  { ENVELOPE_FORMAT: written, ENVELOPE_ENGINE: engine }: ServiceSettings,
  logger: Logger,
): Promise<readonly [EnvelopeCipherPort, ...EnvelopeCipherPort[]]> => {
  const [sjcl, gcm] = [engine === 'sjcl' ? await packageCipher(logger) : nodeSjclCipher(), a256gcmCipher()]
  return written === gcm.format ? [gcm, sjcl] : [sjcl, gcm]
}

const packageCipher = async (logger: Logger): Promise<EnvelopeCipherPort> => {
  logger.warn(
    { setting: 'ENVELOPE_ENGINE' },
    'the sjcl package works in the event loop, and leaves copies of private keys in memory',
  )
  const { sjclPackageCipher } = await import('../adapters/cipher/sjcl-package/sjcl-package-cipher.ts')
  return sjclPackageCipher()
}
