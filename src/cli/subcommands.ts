import { type CommandContext, EXIT_CODE, UsageError } from './command.ts'

/** A command that is several: its first argument says which. */
export const subcommands =
  <C extends CommandContext>(
    name: string,
    usage: string,
    commands: Readonly<Record<string, (context: C) => Promise<number>>>,
  ) =>
  async (context: C): Promise<number> => {
    const [given = '', ...args] = context.args
    if (given === 'help' || context.args.includes('--help')) {
      context.print(usage)
      return EXIT_CODE.ok
    }
    const command = Object.hasOwn(commands, given) ? commands[given] : undefined
    try {
      if (command === undefined) throw new UsageError(`${Object.keys(commands).join(' or ')} must follow`)
      return await command({ ...context, args })
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      const about = command === undefined ? '' : `${given}: `
      throw new UsageError(`${about}${error.message}; cofre ${name} help says more`)
    }
  }
