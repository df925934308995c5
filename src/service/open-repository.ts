import type { ServiceSettings } from '../config/service-settings.ts'
import type { AuditHeadRepository, KeyRepositoryPort } from '../ports/key-repository.port.ts'
import type { Logger } from '../ports/logger.port.ts'

export type Repository = KeyRepositoryPort & AuditHeadRepository

const SQLITE = 'sqlite:'

/**
 * The store that DATABASE_URL names; its driver is imported only then.
 *
 * @throws KmsError `start_refused` or `store_unavailable`
 */
export const openRepository = async (
  { DATABASE_URL: url, STORE_TIMEOUT_MS }: Pick<ServiceSettings, 'DATABASE_URL' | 'STORE_TIMEOUT_MS'>,
  logger: Logger,
): Promise<Repository> => {
  const deadline = STORE_TIMEOUT_MS === undefined ? {} : { deadlineMs: STORE_TIMEOUT_MS }
  if (url === 'memory:') {
    const { openMemoryKeyRepository } = await import('../adapters/repository/memory/memory-key-repository.ts')
    return await openMemoryKeyRepository()
  }
  if (url.startsWith(SQLITE)) {
    const { openSqliteKeyRepository } = await import('../adapters/repository/sqlite/sqlite-key-repository.ts')
    return await openSqliteKeyRepository({ path: url.slice(SQLITE.length), ...deadline })
  }
  const { openMongoKeyRepository } = await import('../adapters/repository/mongodb/mongodb-key-repository.ts')
  return await openMongoKeyRepository({ url, logger, ...deadline })
}
