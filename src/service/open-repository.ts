import { type ServiceSettings, ServiceSettingsSchema } from '../config/service-settings.ts'
import { parseSetting } from '../config/setting.ts'
import { KmsError } from '../domain/errors.ts'
import type { AuditHeadRepository, KeyRepositoryPort } from '../ports/key-repository.port.ts'
import type { Logger } from '../ports/logger.port.ts'

export type Repository = KeyRepositoryPort & AuditHeadRepository

const SQLITE = 'sqlite:'

/**
 * The store that DATABASE_URL names; its driver is imported only then.
 *
 * @param mayCreate whether it is made where there is none
 * @throws KmsError `start_refused` or `store_unavailable`
 */
export const openRepository = async (
  { DATABASE_URL: url, STORE_TIMEOUT_MS }: Pick<ServiceSettings, 'DATABASE_URL' | 'STORE_TIMEOUT_MS'>,
  logger: Logger,
  mayCreate = true,
): Promise<Repository> => {
  const options = { mayCreate, ...(STORE_TIMEOUT_MS === undefined ? {} : { deadlineMs: STORE_TIMEOUT_MS }) }
  if (url === 'memory:') {
    const { openMemoryKeyRepository } = await import('../adapters/repository/memory/memory-key-repository.ts')
    return await openMemoryKeyRepository()
  }
  if (url.startsWith(SQLITE)) {
    const { openSqliteKeyRepository } = await import('../adapters/repository/sqlite/sqlite-key-repository.ts')
    return await openSqliteKeyRepository({ path: url.slice(SQLITE.length), ...options })
  }
  const { openMongoKeyRepository } = await import('../adapters/repository/mongodb/mongodb-key-repository.ts')
  return await openMongoKeyRepository({ url, logger, ...options })
}

/**
 * The store alone, for commands that read what it knows of audit logs: where there is none, none is made.
 *
 * @throws KmsError `start_refused` for what is no store, or as it fails
 */
export const openHeads = async (url: string): Promise<Repository> => {
  const { DATABASE_URL } = ServiceSettingsSchema.properties
  if (parseSetting(DATABASE_URL, url) === undefined) {
    throw new KmsError('start_refused', { message: `The store must be ${DATABASE_URL.allowed}.` })
  }
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  return await openRepository({ DATABASE_URL: url }, silent, false)
}
