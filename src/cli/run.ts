import { KmsError } from '../domain/errors.ts'
import { type CommandContext, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { helpText } from './help.ts'

/** As in sysexits.h: what is wrong is how it was called, or how it was configured. */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 64, configuration: 78 } as const

export interface RunContext extends Omit<CommandContext, 'args'> {
  /** What stands behind the program's name. */
  readonly argv: readonly string[]
  /** Writes one line where errors go. */
  readonly complain: (line: string) => void
}

const HELP = new Set(['help', '--help', '-h'])
const VERSION = new Set(['--version', '-v'])

/** @returns the exit code */
export const run = async ({ argv, complain, ...context }: RunContext): Promise<number> => {
  const [given = 'help', ...args] = argv
  if (HELP.has(given)) {
    context.print(helpText())
    return argv.length === 0 ? EXIT_CODE.usage : EXIT_CODE.ok
  }
  const name = VERSION.has(given) ? 'version' : given
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    complain(`cofre: there is no command ${JSON.stringify(given)}; cofre help lists them`)
    return EXIT_CODE.usage
  }
  try {
    const execute = await command.load()
    await execute({ ...context, args })
    return EXIT_CODE.ok
  } catch (error) {
    return explain(name, error, complain)
  }
}

/** One line for each thing that is wrong; a stack only where nobody foresaw the error. */
const explain = (name: string, error: unknown, complain: (line: string) => void): number => {
  if (error instanceof UsageError) {
    complain(`cofre ${name}: ${error.message}`)
    return EXIT_CODE.usage
  }
  if (!KmsError.is(error)) throw error
  for (const line of error.message.split('\n')) complain(`cofre ${name}: ${line}`)
  return error.code === 'start_refused' ? EXIT_CODE.configuration : EXIT_CODE.failed
}
