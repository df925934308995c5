import type { HsmPort } from '../../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import type { Logger } from '../../ports/logger.port.ts'
import { KmsError } from '../errors.ts'
import { sameText } from '../integrity/integrity-key.ts'
import { isAuthenticRootKey } from '../integrity/root-key-mac.ts'
import type { Clock, FillRandom, Sleep } from '../random.ts'
import { type ActiveRootKey, ROOT_KEY_SCOPES, type RootKey, type RootKeyScope } from '../root-key.ts'
import { makeRootKey } from './make-root-key.ts'
import { OpeningStore } from './opening-store.ts'
import { RootKeyring, type WrappingRootKey } from './root-keyring.ts'
import { verifyRootKey } from './verify-root-key.ts'

export interface StoreOrigin {
  /** What the operator kept; left out where none was given out yet. */
  readonly anchor?: string | undefined
  /** The setting, or the file, that `anchor` came from: for error messages. */
  readonly setting: string
  /** Only `cofre init` may, and development. */
  readonly mayMake: boolean
}

export interface RootKeyringOptions {
  /** The first one's root key wraps; the others unwrap what they wrapped before. */
  readonly hsms: readonly [HsmPort, ...HsmPort[]]
  readonly repository: KeyRepositoryPort
  readonly logger: Logger
  readonly random: FillRandom
  readonly clock: Clock
  readonly sleep: Sleep
  /** This instance, 1 to 64 printable ASCII characters, unlike any other that ever ran. */
  readonly owner: string
  /** How the store is known again, and whether what is missing may be made. */
  readonly origin: StoreOrigin
  /** How long a start may wait for an HSM, or for another instance at its claim. Milliseconds. */
  readonly startTimeoutMs: number
}

const RETRY_PAUSE_MS = 250

/**
 * Brings store and HSMs together at a start: every root key on record is found in its HSM and proven, the integrity
 * key is opened with them, the store is compared with its anchor, and every record with its MAC. Only where it may
 * does the writing provider get a root key for each scope that has none.
 *
 * @throws KmsError `start_refused` saying what does not fit, or as HSM and store fail until the time is over
 */
export const openRootKeyring = async (options: RootKeyringOptions): Promise<RootKeyring> => {
  const { hsms, repository, origin } = options
  const [writer] = hsms
  await checkStoreIsThere(repository, origin)
  using store = new OpeningStore(options)
  const byProvider = new Map(hsms.map((hsm) => [hsm.provider, hsm]))
  const until = new Date(options.clock().getTime() + options.startTimeoutMs)
  const rootKeys = await repository.listRootKeys()
  checkRowsHaveRootKeys(rootKeys, await repository.rootKeysInUse())

  checkOneOfEach(rootKeys)
  const wrapping = new Map<RootKeyScope, WrappingRootKey>()
  const verified: ActiveRootKey[] = []
  for (const rootKey of rootKeys.filter((key) => key.state === 'active')) {
    const hsm = byProvider.get(rootKey.provider)
    if (hsm === undefined) {
      warnOfMissingProvider(options.logger, rootKey)
      continue
    }
    const publicKey = await patiently(options, until, async () => {
      const proven = await verifyRootKey(hsm, rootKey, options.random)
      await store.openWith({ hsm, rootKey, publicKey: proven })
      return proven
    })
    verified.push(rootKey)
    if (hsm === writer) wrapping.set(rootKey.scope, { rootKey, hsm, publicKey })
  }
  if (verified.length > 0) checkOpened(store, origin)
  for (const scope of ROOT_KEY_SCOPES) {
    if (wrapping.has(scope)) continue
    if (!origin.mayMake) throw noRootKey(writer, scope)
    const made = await makeAndVerify(writer, scope, options, until, store)
    wrapping.set(scope, made)
    verified.push(made.rootKey)
  }
  const { integrity, anchor, record } = checkOpened(store, origin)
  for (const rootKey of [...rootKeys, ...verified]) {
    if (rootKey.state === 'active' && !isAuthenticRootKey(integrity, rootKey)) {
      throw refused(`The store's record of root key ${rootKey.id} is not one that this service wrote.`)
    }
  }
  return new RootKeyring(wrapping, verified, byProvider, repository, { id: record.id, anchor, integrity })
}

const refused = (message: string): KmsError => new KmsError('start_refused', { message })

const checkStoreIsThere = async (
  repository: KeyRepositoryPort,
  { anchor, setting, mayMake }: StoreOrigin,
): Promise<void> => {
  if (mayMake && anchor === undefined) return
  if ((await repository.findStore()) !== undefined) return
  throw refused(
    `The store of DATABASE_URL is not that of ${setting}: it is empty, or never saw cofre init. Look at DATABASE_URL first; a store that was lost comes back from its backup.`,
  )
}

/** @throws KmsError `start_refused` if the integrity key opens with no root key, or the anchor is another store's */
const checkOpened = ({ opened }: OpeningStore, { anchor, setting }: StoreOrigin) => {
  if (opened === undefined) {
    throw refused('No root key of this store opens its integrity key: its record was altered or replaced.')
  }
  if (anchor !== undefined && !sameText(anchor, opened.anchor)) {
    throw refused(`The store of DATABASE_URL is not that of ${setting}: it has another anchor.`)
  }
  return opened
}

/** Impossible by construction: whoever wrote to the store has put one there. */
const checkOneOfEach = (rootKeys: readonly RootKey[]): void => {
  const held = new Map<string, string>()
  for (const { id, provider, scope, state } of rootKeys) {
    if (state !== 'active') continue
    const other = held.get(`${scope} ${provider}`)
    if (other !== undefined) {
      throw refused(`The store has two active root keys of ${provider} for ${scope}: ${other} and ${id}.`)
    }
    held.set(`${scope} ${provider}`, id)
  }
}

const noRootKey = ({ provider }: HsmPort, scope: RootKeyScope): KmsError =>
  refused(
    `The store has no root key of ${provider} for ${scope}, and a start makes none: cofre init does, with the same settings.`,
  )

const makeAndVerify = async (
  hsm: HsmPort,
  scope: RootKeyScope,
  options: RootKeyringOptions,
  until: Date,
  store: OpeningStore,
): Promise<WrappingRootKey> => {
  const rootKey = await patiently(options, until, () =>
    makeRootKey(hsm, { ...options, scope, until, authenticate: (...made) => store.authenticate(...made) }),
  )
  options.logger.info({ rootKey: rootKey.id, provider: hsm.provider, scope }, 'a new root key is active')
  const publicKey = await patiently(options, until, async () => {
    const proven = await verifyRootKey(hsm, rootKey, options.random)
    await store.openWith({ hsm, rootKey, publicKey: proven })
    return proven
  })
  return { rootKey, hsm, publicKey }
}

/** A passing fault of the HSM does not end a start before its time. */
const patiently = async <T>(
  { sleep, clock, logger }: RootKeyringOptions,
  until: Date,
  attempt: () => Promise<T>,
): Promise<T> => {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!KmsError.is(error, 'hsm_unavailable', 'hsm_busy')) throw error
      if (clock() >= until) throw withReason(error)
      logger.warn({ code: error.code, err: error.cause }, 'the HSM is not ready; the start waits for it')
      await sleep(RETRY_PAUSE_MS)
    }
  }
}

/** A start's last line is for its operator, who must see why; a caller's answer never says so. */
const withReason = (error: KmsError): KmsError => {
  const { code, message, cause } = error
  return cause instanceof Error
    ? new KmsError(code, { message: `${message} (${cause.message})`, cause })
    : error
}

const checkRowsHaveRootKeys = (rootKeys: readonly RootKey[], inUse: readonly string[]): void => {
  const active = new Set(rootKeys.filter(({ state }) => state === 'active').map(({ id }) => id))
  const missing = inUse.filter((id) => !active.has(id))
  if (missing.length > 0) {
    throw new KmsError('start_refused', {
      message: `The store has private keys under root keys that it has no record of: ${missing.slice(0, 5).join(', ')}.`,
    })
  }
}

const warnOfMissingProvider = (logger: Logger, { id, provider }: ActiveRootKey): void =>
  logger.warn(
    { rootKey: id, provider },
    'this root key belongs to a provider that is not configured: what it wraps is answered with 503',
  )
