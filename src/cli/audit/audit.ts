import { subcommands } from '../subcommands.ts'
import type { AuditContext } from './context.ts'
import { KEYGEN_USAGE, keygen } from './keygen.ts'
import { TAIL_USAGE, tail } from './tail.ts'
import { VERIFY_USAGE, verify } from './verify.ts'

const USAGE = `${KEYGEN_USAGE}\n${VERIFY_USAGE}\n${TAIL_USAGE}`

/** `cofre audit ...`. @throws UsageError */
export const auditCommand = subcommands<AuditContext>('audit', USAGE, { keygen, verify, tail })
