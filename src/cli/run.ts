import { KmsError } from '../domain/errors.ts'
import { type CommandContext, EXIT_CODE, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { helpText } from './help.ts'

export interface RunContext extends Omit<CommandContext, 'args'> {
  /** What stands behind the program's name. */
  readonly argv: readonly string[]
}

const HELP = new Set(['help', '--help', '-h'])
const VERSION = new Set(['--version', '-v'])

/** @returns the exit code */
export const run = async ({ argv, ...context }: RunContext): Promise<number> => {
  const { print, complain } = context
  const [given = 'help', ...args] = argv
  if (HELP.has(given)) {
    print(helpText())
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
    return await execute({ ...context, args })
  } catch (error) {
    return explain(name, error, complain)
  }
}

/**
 * One line for each thing that is wrong; a stack only where nobody foresaw the error.
 *
 * @returns the exit code
 */
export const explain = (name: string, error: unknown, complain: (line: string) => void): number => {
  if (error instanceof UsageError) {
    complain(`cofre ${name}: ${error.message}`)
    return EXIT_CODE.usage
  }
  if (!KmsError.is(error)) throw error
  for (const line of error.message.split('\n')) complain(`cofre ${name}: ${line}`)
  return error.code === 'start_refused' ? EXIT_CODE.configuration : EXIT_CODE.failed
}
