import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Configuration } from '../config/configuration.ts'
import type { ServiceSettings } from '../config/service-settings.ts'
import { KmsError } from '../domain/errors.ts'
import { ANCHOR_FORM } from '../domain/integrity/integrity-key.ts'
import { systemClock, systemRandom, systemSleep } from '../domain/random.ts'
import { openRootKeyring, type StoreOrigin } from '../domain/root-keys/open-root-keyring.ts'
import type { RootKeyring } from '../domain/root-keys/root-keyring.ts'
import type { HsmPort } from '../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../ports/key-repository.port.ts'
import type { Logger } from '../ports/logger.port.ts'

export interface KeyringContext {
  readonly repository: KeyRepositoryPort
  readonly hsms: readonly [HsmPort, ...HsmPort[]]
  readonly logger: Logger
  /** This instance, as its claims name it. */
  readonly owner: string
}

const OWNER_ONLY = 0o600

/** Where `dev` keeps the anchor; a store in memory needs none. */
const devAnchorFile = ({ DATA_DIR, DATABASE_URL }: ServiceSettings): string | undefined =>
  DATA_DIR === undefined || DATABASE_URL === 'memory:' ? undefined : join(DATA_DIR, 'store-anchor')

const readAnchor = async (path: string): Promise<string | undefined> => {
  let text: string
  try {
    text = (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new KmsError('start_refused', {
      message: `${path} can't be read (${(error as NodeJS.ErrnoException).code}).`,
    })
  }
  if (ANCHOR_FORM.test(text)) return text
  throw new KmsError('start_refused', { message: `${path} holds no store anchor.` })
}

const originOf = async ({ mode, service }: Configuration): Promise<StoreOrigin> => {
  if (mode !== 'dev') {
    return { anchor: service.STORE_ANCHOR, setting: 'STORE_ANCHOR', mayMake: mode === 'init' }
  }
  const path = devAnchorFile(service)
  if (path === undefined) return { setting: 'DATA_DIR', mayMake: true }
  return { anchor: await readAnchor(path), setting: path, mayMake: true }
}

/** Whole or not at all. */
const keepAnchor = async (path: string, anchor: string): Promise<void> => {
  const unfinished = `${path}.new`
  await writeFile(unfinished, `${anchor}\n`, { mode: OWNER_ONLY, flush: true })
  await rename(unfinished, path)
}

/**
 * Root keys, integrity key and anchor brought together. `dev` makes what is missing and keeps the anchor; `init`
 * makes what is missing; `serve` makes nothing.
 *
 * @throws KmsError `start_refused` saying what does not fit, or as HSM and store fail
 */
export const openKeyring = async (
  configuration: Configuration,
  context: KeyringContext,
): Promise<RootKeyring> => {
  const { mode, service } = configuration
  const origin = await originOf(configuration)
  const keyring = await openRootKeyring({
    ...context,
    origin,
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    startTimeoutMs: service.START_TIMEOUT_MS,
  })
  const path = mode === 'dev' ? devAnchorFile(service) : undefined
  if (path !== undefined && origin.anchor === undefined) await keepAnchor(path, keyring.store.anchor)
  return keyring
}
