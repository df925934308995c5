import type { ServiceSettings } from '../config/service-settings.ts'
import type { AuditLogPort } from '../ports/audit-log.port.ts'
import type { AuditHeadRepository } from '../ports/key-repository.port.ts'
import type { Logger } from '../ports/logger.port.ts'

export interface AuditContext {
  readonly instance: string
  readonly heads: AuditHeadRepository
  readonly logger: Logger
}

/**
 * The audit log, where one is configured.
 *
 * @throws KmsError `start_refused` naming the variable, or `audit_unavailable`
 */
export const openAudit = async (
  { AUDIT_LOG: path, AUDIT_KEY: pem, POLICY }: Pick<ServiceSettings, 'AUDIT_LOG' | 'AUDIT_KEY' | 'POLICY'>,
  context: AuditContext,
): Promise<AuditLogPort | undefined> => {
  if (path === undefined || pem === undefined) return undefined
  const [{ parseAuditKey }, { openFileAuditLog }] = await Promise.all([
    import('../adapters/audit/audit-key.ts'),
    import('../adapters/audit/file-audit-log.ts'),
  ])
  const weakChoices = POLICY === undefined ? {} : { POLICY }
  return await openFileAuditLog({ path, key: parseAuditKey(pem), weakChoices, ...context })
}
