import type { ChosenProvider } from '../config/configuration.ts'
import { KmsError } from '../domain/errors.ts'
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
    const hsm = resources.adopt(await provider.create(settings, context), (opened) => opened.close())
    if (hsm.provider === provider.name) return hsm
    throw new KmsError('start_refused', {
      message: `The HSM provider ${provider.name} opens an HSM that calls itself ${hsm.provider}: keys are found by that name, so it must be one`,
    })
  }
  const first = await open(writer)
  const others: HsmPort[] = []
  for (const reader of readers) others.push(await open(reader))
  return [first, ...others]
}
