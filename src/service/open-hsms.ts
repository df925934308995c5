import type { ChosenProvider } from '../config/configuration.ts'
import { systemClock, systemRandom } from '../domain/random.ts'
import type { HsmPort } from '../ports/hsm.port.ts'
import type { Logger } from '../ports/logger.port.ts'

/**
 * The HSM of each provider; what was opened is closed with `resources`.
 *
 * @throws KmsError `start_refused` as the providers do
 */
export const openHsms = async (
  [writer, ...readers]: readonly [ChosenProvider, ...ChosenProvider[]],
  logger: Logger,
  resources: AsyncDisposableStack,
): Promise<readonly [HsmPort, ...HsmPort[]]> => {
  const open = async ({ provider, settings }: ChosenProvider): Promise<HsmPort> => {
    const context = { logger, clock: systemClock, random: systemRandom }
    return resources.adopt(await provider.create(settings, context), (hsm) => hsm.close())
  }
  const first = await open(writer)
  const others: HsmPort[] = []
  for (const reader of readers) others.push(await open(reader))
  return [first, ...others]
}
