import type { AuditHeadRepository } from '../../ports/key-repository.port.ts'

/** What the audit and policy commands see of the process. */
export interface CommandIo {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Writes for a person: one text, with its line ends. */
  readonly print: (text: string) => void
  /** Writes one line where errors go. */
  readonly complain: (line: string) => void
  /** Resolves when the process is asked to end. */
  readonly stopped: Promise<void>
}

export interface AuditIo extends CommandIo {
  /** Opens the store that a DATABASE_URL names. */
  readonly openHeads: (
    url: string,
  ) => Promise<Pick<AuditHeadRepository, 'listAuditHeads'> & { close(): Promise<void> }>
}

/** 1 says that something is wrong with what was looked at, 2 that the command was called wrongly. */
export const AUDIT_EXIT = { good: 0, bad: 1, usage: 2 } as const

/** The command was called wrongly; the message says how. */
export class CalledWrongly extends Error {}
