import { AUDIT_EXIT, type AuditIo, CalledWrongly } from './io.ts'
import { KEYGEN_USAGE, keygen } from './keygen.ts'
import { TAIL_USAGE, tail } from './tail.ts'
import { VERIFY_USAGE, verify } from './verify.ts'

const COMMANDS = { keygen, verify, tail } as const

export const AUDIT_USAGE = `${KEYGEN_USAGE}\n${VERIFY_USAGE}\n${TAIL_USAGE}`

const isCommand = (name: string): name is keyof typeof COMMANDS => Object.hasOwn(COMMANDS, name)

/** `cofre audit ...`. @returns the exit code: 0 good, 1 bad, 2 called wrongly */
export const auditCommand = async (argv: readonly string[], io: AuditIo): Promise<number> => {
  const [name = '', ...rest] = argv
  if (name === 'help' || argv.includes('--help')) {
    io.print(AUDIT_USAGE)
    return AUDIT_EXIT.good
  }
  try {
    if (!isCommand(name)) throw new CalledWrongly('keygen, verify or tail must follow')
    return await COMMANDS[name](rest, io)
  } catch (error) {
    if (!(error instanceof CalledWrongly)) throw error
    io.complain(
      `cofre audit${isCommand(name) ? ` ${name}` : ''}: ${error.message}; cofre audit help says more`,
    )
    return AUDIT_EXIT.usage
  }
}
