import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { urlHost } from '../config/address.ts'
import type { Configuration } from '../config/configuration.ts'
import { composeOperations } from '../container.ts'
import { systemClock, systemRandom, systemSleep } from '../domain/random.ts'
import { openRootKeyring } from '../domain/root-keys/open-root-keyring.ts'
import { buildApp } from '../http/app.ts'
import { newInstanceId } from './instance-id.ts'
import { listenOn } from './listen.ts'
import type { ServiceLogger } from './logger.ts'
import { openHsms } from './open-hsms.ts'
import { openRepository } from './open-repository.ts'

export interface RunningService {
  /** Where the four operations are. */
  readonly url: string
  /** Where `/livez` and `/readyz` are, if anywhere. */
  readonly healthUrl: string | undefined
  /** Stops accepting, finishes what is in flight, then closes HSM sessions and store. May be called again. */
  stop(): Promise<void>
}

/** How long a stop waits for what is in flight. */
const CLOSE_GRACE_MS = 10_000

/**
 * Opens everything and serves. A start that fails closes what it had opened.
 *
 * @throws KmsError `start_refused`, or as HSM and store fail
 */
export const startService = async (
  { service, providers, warnings }: Configuration,
  logger: ServiceLogger,
): Promise<RunningService> => {
  for (const warning of warnings) logger.warn({}, warning)
  await using resources = new AsyncDisposableStack()
  const repository = resources.adopt(await openRepository(service), (store) => store.close())
  const hsms = await openHsms(providers, logger, resources)
  const keyring = await openRootKeyring({
    hsms,
    repository,
    logger,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: newInstanceId(systemRandom),
    startTimeoutMs: service.START_TIMEOUT_MS,
  })
  const operations = composeOperations({
    repository,
    keyring,
    envelopeFormat: service.ENVELOPE_FORMAT,
    cipherConcurrency: availableParallelism(),
  })
  const app = resources.adopt(
    buildApp({ operations, logger, bodyLimit: service.BODY_LIMIT, closeGrace: CLOSE_GRACE_MS }),
    (http) => http.close(),
  )
  await listenOn(app, 'BIND and PORT', { host: service.BIND, port: service.PORT })
  const { address, port } = app.server.address() as AddressInfo
  const url = `http://${urlHost(address)}:${port}`
  logger.info(
    { url, rootKey: keyring.current.rootKey.id, provider: keyring.current.rootKey.provider },
    'ready',
  )

  const opened = resources.move()
  let stopping: Promise<void> | undefined
  return {
    url,
    healthUrl: undefined,
    stop() {
      stopping ??= opened.disposeAsync().then(() => logger.info({}, 'stopped'))
      return stopping
    },
  }
}
