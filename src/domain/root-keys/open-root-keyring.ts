import type { HsmPort } from '../../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import type { Logger } from '../../ports/logger.port.ts'
import { KmsError } from '../errors.ts'
import type { Clock, FillRandom, Sleep } from '../random.ts'
import type { ActiveRootKey, RootKey } from '../root-key.ts'
import { makeRootKey } from './make-root-key.ts'
import { RootKeyring, type WrappingRootKey } from './root-keyring.ts'
import { verifyRootKey } from './verify-root-key.ts'

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
  /** How long a start may wait for an HSM, or for another instance at its claim. Milliseconds. */
  readonly startTimeoutMs: number
}

const RETRY_PAUSE_MS = 250

/**
 * Brings store and HSMs together at a start: every root key on record is found in its HSM and proven, and the
 * writing provider gets one if it has none.
 *
 * @throws KmsError `start_refused` saying what does not fit, or as HSM and store fail until the time is over
 */
export const openRootKeyring = async (options: RootKeyringOptions): Promise<RootKeyring> => {
  const { hsms, repository } = options
  const [writer] = hsms
  const byProvider = new Map(hsms.map((hsm) => [hsm.provider, hsm]))
  const until = new Date(options.clock().getTime() + options.startTimeoutMs)
  const rootKeys = await repository.listRootKeys()
  checkRowsHaveRootKeys(rootKeys, await repository.rootKeysInUse())

  let current: WrappingRootKey | undefined
  const verified: ActiveRootKey[] = []
  for (const rootKey of rootKeys.filter((key) => key.state === 'active')) {
    const hsm = byProvider.get(rootKey.provider)
    if (hsm === undefined) {
      warnOfMissingProvider(options.logger, rootKey)
      continue
    }
    const publicKey = await patiently(options, until, () => verifyRootKey(hsm, rootKey, options.random))
    verified.push(rootKey)
    if (hsm === writer) current = { rootKey, hsm, publicKey }
  }
  if (current === undefined) {
    current = await makeAndVerify(writer, options, until)
    verified.push(current.rootKey)
  }
  return new RootKeyring(current, verified, byProvider, repository)
}

const makeAndVerify = async (
  hsm: HsmPort,
  options: RootKeyringOptions,
  until: Date,
): Promise<WrappingRootKey> => {
  const rootKey = await patiently(options, until, () => makeRootKey(hsm, { ...options, until }))
  options.logger.info({ rootKey: rootKey.id, provider: hsm.provider }, 'a new root key is active')
  const publicKey = await patiently(options, until, () => verifyRootKey(hsm, rootKey, options.random))
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
