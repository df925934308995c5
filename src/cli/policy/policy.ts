import { PolicyError } from '../../adapters/policy/parse-policy.ts'
import { readPolicyFile } from '../../adapters/policy/policy-file.ts'
import { CalledWrongly, type CommandIo } from '../audit/io.ts'
import { parseOptions } from '../audit/options.ts'
import { EXPLAIN_USAGE, explain } from './explain.ts'

export const POLICY_EXIT = { good: 0, bad: 1, usage: 2 } as const

export const POLICY_USAGE = `cofre policy check FILE
  Says everything that is wrong with a policy. Exit code 0: nothing is.

${EXPLAIN_USAGE}`

const check = async (argv: readonly string[], { print }: CommandIo): Promise<number> => {
  const { positionals } = parseOptions(argv, {})
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) throw new CalledWrongly('one FILE must be given')
  const { document, policy } = await readPolicyFile(file)
  print(`good: ${document.clients.length} clients\n`)
  if (policy.trustsNames) {
    print(
      'Some clients are named by subject or SAN: whoever issues client certificates decides who they are.\n',
    )
  }
  return POLICY_EXIT.good
}

const COMMANDS = { check, explain } as const

const isCommand = (name: string): name is keyof typeof COMMANDS => Object.hasOwn(COMMANDS, name)

/** `cofre policy ...`. @returns the exit code: 0 good or allowed, 1 wrong or refused, 2 called wrongly */
export const policyCommand = async (argv: readonly string[], io: CommandIo): Promise<number> => {
  const [name = '', ...rest] = argv
  if (name === 'help' || argv.includes('--help')) {
    io.print(POLICY_USAGE)
    return POLICY_EXIT.good
  }
  try {
    if (!isCommand(name)) throw new CalledWrongly('check or explain must follow')
    return await COMMANDS[name](rest, io)
  } catch (error) {
    const command = `cofre policy${isCommand(name) ? ` ${name}` : ''}`
    if (error instanceof PolicyError) {
      for (const problem of error.problems) io.complain(`${command}: ${problem}`)
      return POLICY_EXIT.bad
    }
    if (!(error instanceof CalledWrongly)) throw error
    io.complain(`${command}: ${error.message}; cofre policy help says more`)
    return POLICY_EXIT.usage
  }
}
