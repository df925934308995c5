import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { urlHost } from '../config/address.ts'
import type { Configuration } from '../config/configuration.ts'
import { composeOperations } from '../container.ts'
import { systemRandom } from '../domain/random.ts'
import { ROOT_KEY_SCOPES } from '../domain/root-key.ts'
import { buildApp } from '../http/app.ts'
import { DEFAULT_RATE_LIMITS, shareOf } from '../http/plugins/rate-limit.ts'
import { openHealth } from './health.ts'
import { newInstanceId } from './instance-id.ts'
import { listenOn } from './listen.ts'
import type { ServiceLogger } from './logger.ts'
import { openAccess } from './open-access.ts'
import { openAudit } from './open-audit.ts'
import { openCiphers } from './open-ciphers.ts'
import { openHsms } from './open-hsms.ts'
import { openKeyring } from './open-keyring.ts'
import { openRepository } from './open-repository.ts'
import { stopOnce } from './stop-once.ts'

export interface RunningService {
  /** Where the four operations are. */
  readonly url: string
  /** Where `/livez` and `/readyz` are, if anywhere. */
  readonly healthUrl: string | undefined
  /** Whether an operation that began now could succeed. */
  ready(): Promise<boolean>
  /** Looks at the files that may change while it runs. Never fails. */
  reload(): Promise<void>
  /** Stops accepting, finishes what is in flight, then closes HSM sessions and store. May be called again. */
  stop(): Promise<void>
}

/** How long a stop waits for what is in flight. */
const CLOSE_GRACE_MS = 10_000

/**
 * Opens everything and serves. A start that fails closes what it had opened.
 *
 * @param processes how many share the port and the limits
 * @throws KmsError `start_refused`, or as HSM, store and audit log fail
 */
export const startService = async (
  configuration: Configuration,
  logger: ServiceLogger,
  processes = 1,
): Promise<RunningService> => {
  const { service, providers, warnings } = configuration
  for (const warning of warnings) logger.warn({}, warning)
  const instance = newInstanceId(systemRandom)
  // Closed in the reverse order.
  await using resources = new AsyncDisposableStack()
  const health = resources.adopt(await openHealth(service.HEALTH_BIND), (opened) => opened.close())
  const repository = resources.adopt(await openRepository(service, logger), (opened) => opened.close())
  const audit = await openAudit(service, { instance, heads: repository, logger })
  resources.defer(async () => audit?.close())
  const access = await openAccess(service, { audit, logger }, resources)
  const { tls, identify } = access
  const hsms = await openHsms(providers, logger, resources)
  const keyring = await openKeyring(configuration, { repository, hsms, logger, owner: instance })
  resources.defer(() => keyring.integrity[Symbol.dispose]())
  const operations = composeOperations({
    repository,
    keyring,
    audit,
    ciphers: await openCiphers(service, logger),
    // One more than there are cores: it is begun while the event loop has not yet heard of the others' end.
    cipherConcurrency: Math.ceil(availableParallelism() / processes) + 1,
  })
  const app = resources.adopt(
    buildApp({
      operations,
      logger,
      identify,
      bodyLimit: service.BODY_LIMIT,
      closeGrace: CLOSE_GRACE_MS,
      ...(tls === undefined ? {} : { tls: tls.options }),
      ...(service.RATE_LIMIT === 'off' ? {} : { rateLimits: shareOf(DEFAULT_RATE_LIMITS, processes) }),
      onRateLimited: ({ ip: address }) => audit?.countRefusal({ reason: 'rate_limited', address }),
    }),
    (http) => http.close(),
  )
  tls?.follow(app.server)
  const address = { host: service.BIND, port: service.PORT }
  await listenOn(
    (at) => app.listen({ ...at, listenTextResolver: () => 'listening' }),
    'BIND and PORT',
    address,
  )
  const ready = async (): Promise<boolean> => {
    await repository.ping()
    return hsms.some(({ available }) => available)
  }
  health.watch(ready)
  resources.defer(() => health.endWatch())
  const { address: host, port } = app.server.address() as AddressInfo
  const url = `${tls === undefined ? 'http' : 'https'}://${urlHost(host)}:${port}`
  const rootKeys = Object.fromEntries(
    ROOT_KEY_SCOPES.map((scope) => [scope, keyring.wrapping(scope).rootKey.id]),
  )
  const { provider } = hsms[0]
  const fields = { url, health: health.url, instance, provider, rootKeys }
  logger.info(fields, processes === 1 ? 'ready' : 'worker ready')

  return {
    url,
    healthUrl: health.url,
    ready,
    reload: () => access.reload(),
    stop: stopOnce(resources.move(), logger),
  }
}
