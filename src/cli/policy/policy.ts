import { PolicyError } from '../../adapters/policy/parse-policy.ts'
import { readPolicyFile } from '../../adapters/policy/policy-file.ts'
import { type Command, EXIT_CODE } from '../command.ts'
import { oneFile, parseOptions } from '../options.ts'
import { subcommands } from '../subcommands.ts'
import { EXPLAIN_USAGE, explain } from './explain.ts'

const USAGE = `cofre policy check FILE
  Says everything that is wrong with a policy. Exit code 0: nothing is.

${EXPLAIN_USAGE}`

const check: Command = async ({ args, print }) => {
  const file = oneFile(parseOptions(args, {}).positionals)
  const { document, policy } = await readPolicyFile(file)
  print(`good: ${document.clients.length} clients\n`)
  if (policy.trustsNames) {
    print(
      'Some clients are named by subject or SAN: whoever issues client certificates decides who they are.\n',
    )
  }
  return EXIT_CODE.ok
}

const execute = subcommands('policy', USAGE, { check, explain })

/** `cofre policy ...`. @returns the exit code: good or allowed, or wrong or refused. @throws UsageError */
export const policyCommand: Command = async (context) => {
  try {
    return await execute(context)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    for (const problem of error.problems) context.complain(`cofre policy: ${problem}`)
    return EXIT_CODE.failed
  }
}
