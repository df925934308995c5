import type { Configuration } from '../config/configuration.ts'
import { KmsError } from '../domain/errors.ts'
import { finishedStore } from '../domain/integrity/open-integrity-key.ts'
import { systemRandom } from '../domain/random.ts'
import { ROOT_KEY_SCOPES } from '../domain/root-key.ts'
import type { RootKeyring } from '../domain/root-keys/root-keyring.ts'
import type { KeyRepositoryPort } from '../ports/key-repository.port.ts'
import type { Logger } from '../ports/logger.port.ts'
import { newInstanceId } from './instance-id.ts'
import { openHsms } from './open-hsms.ts'
import { openKeyring } from './open-keyring.ts'
import { openRepository } from './open-repository.ts'

const refused = (message: string): KmsError => new KmsError('start_refused', { message })

/** Rows without a ceremony are not this service's; after a finished one only a new provider's root key is made. */
const checkMayInit = async (
  repository: KeyRepositoryPort,
  { service, providers: [writer] }: Configuration,
): Promise<void> => {
  const store = await repository.findStore()
  if (store === undefined) {
    if ((await repository.rootKeysInUse()).length === 0) return
    throw refused('The store of DATABASE_URL has private keys already: cofre init begins with an empty one.')
  }
  if (store.state === 'open') return
  const rootKeys = await repository.listRootKeys()
  const { name } = writer.provider
  const isNew = ROOT_KEY_SCOPES.some(
    (scope) =>
      !rootKeys.some((key) => key.state === 'active' && key.provider === name && key.scope === scope),
  )
  if (isNew && service.STORE_ANCHOR !== undefined) return
  const hint = isNew
    ? `To give ${name} its root keys set STORE_ANCHOR to what cofre init printed then.`
    : 'Its anchor stands where the operators of serve keep STORE_ANCHOR.'
  throw refused(
    `The store of DATABASE_URL was initialized at ${store.createdAt.toISOString()} already. ${hint}`,
  )
}

/**
 * Makes what a store needs before it is served: root keys, integrity key, the store's record. Interrupted anywhere,
 * the next call finishes the same ceremony.
 *
 * @param tell is given what was made; the ceremony counts as finished when it has resolved
 * @throws KmsError `start_refused`, or as HSM and store fail
 */
export const initStore = async (
  configuration: Configuration,
  logger: Logger,
  tell: (keyring: RootKeyring) => Promise<void>,
): Promise<void> => {
  await using resources = new AsyncDisposableStack()
  const repository = resources.adopt(await openRepository(configuration.service, logger), (opened) =>
    opened.close(),
  )
  await checkMayInit(repository, configuration)
  const hsms = await openHsms(configuration.providers, logger, resources)
  const owner = newInstanceId(systemRandom)
  const keyring = await openKeyring(configuration, { repository, hsms, logger, owner })
  using integrity = keyring.integrity
  await tell(keyring)
  const record = await repository.findStore()
  if (record?.state === 'open') await repository.replaceStore(record, finishedStore(record, integrity))
}
