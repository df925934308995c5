import type { AuditHeadRepository } from '../../ports/key-repository.port.ts'
import type { CommandContext } from '../command.ts'

export interface AuditContext extends CommandContext {
  /** Opens the store that a DATABASE_URL names, and makes none. */
  readonly openHeads: (
    url: string,
  ) => Promise<Pick<AuditHeadRepository, 'listAuditHeads'> & { close(): Promise<void> }>
}
