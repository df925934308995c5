import { readPolicyFile } from '../../adapters/policy/policy-file.ts'
import { OPERATIONS, type OperationName } from '../../domain/caller.ts'
import { normalizeFingerprint, type Policy, type PolicyClient, refusalReason } from '../../domain/policy.ts'
import { type KeyDescription, SOURCES } from '../../domain/private-key.ts'
import { type CommandContext, EXIT_CODE, UsageError } from '../command.ts'
import { oneFile, parseOptions } from '../options.ts'

export const EXPLAIN_USAGE = `cofre policy explain FILE --client CLIENT --operation OPERATION [--source S] [--coin C] [--type T]
  Says whether a client may do something, and why. Exit code 0: it may; 1: it may not.
  --client      its name in the policy, or what its certificate shows: fingerprint, subject or SAN
  --operation   ${OPERATIONS.join(', ')}
  --source, --coin, --type   of the private key; what is left out is not asked about
`

const OPTIONS = {
  client: { type: 'string' },
  operation: { type: 'string' },
  source: { type: 'string' },
  coin: { type: 'string' },
  type: { type: 'string' },
} as const

const oneOf = <T extends string>(option: string, text: string | undefined, allowed: readonly T[]): T => {
  const found = allowed.find((value) => value === text)
  if (found === undefined) throw new UsageError(`${option} must be one of ${allowed.join(', ')}`)
  return found
}

/** By name first: a name that looks like a fingerprint is a name. */
const findClient = (
  clients: readonly PolicyClient[],
  policy: Policy,
  text: string,
): PolicyClient | undefined =>
  clients.find(({ name }) => name === text) ??
  policy.clientsFor({ fingerprint: normalizeFingerprint(text) ?? '', subject: text, san: [text] })[0]

const restrictions = (
  { sources, coins, types }: PolicyClient,
  key: Partial<KeyDescription>,
): readonly string[] => [
  ...(sources === undefined || key.source !== undefined ? [] : [`sources ${sources.join(', ')}`]),
  ...(coins === undefined || key.coin !== undefined ? [] : [`coins ${coins.join(', ')}`]),
  ...(types === undefined || key.type !== undefined ? [] : [`types ${types.join(', ')}`]),
]

const ABOUT_KEYS: readonly OperationName[] = ['storePrivateKey', 'getPrivateKey']

export const explain = async ({ args, print }: CommandContext): Promise<number> => {
  const { values, positionals } = parseOptions(args, OPTIONS)
  const file = oneFile(positionals)
  if (values.client === undefined) throw new UsageError('--client must be given')
  const operation = oneOf('--operation', values.operation, OPERATIONS)
  const key: Partial<KeyDescription> = {
    ...(values.source === undefined ? {} : { source: oneOf('--source', values.source, SOURCES) }),
    ...(values.coin === undefined ? {} : { coin: values.coin }),
    ...(values.type === undefined ? {} : { type: values.type }),
  }
  const { document, policy } = await readPolicyFile(file)
  const client = findClient(document.clients, policy, values.client)
  if (client === undefined) {
    print(`refused: ${values.client} is no client of this policy\n`)
    return EXIT_CODE.failed
  }
  const reason = refusalReason(client, operation, key)
  if (reason !== undefined) {
    print(`refused: client ${client.name}: ${reason}\n`)
    return EXIT_CODE.failed
  }
  print(`allowed: client ${client.name} may call ${operation}\n`)
  const still = ABOUT_KEYS.includes(operation) ? restrictions(client, key) : []
  for (const restriction of still) print(`  only for ${restriction}\n`)
  if (operation === 'decryptDataKey') {
    print(`  only data keys made for ${policy.callerNamed(client.name)?.opensDataKeysOf.join(', ')}\n`)
  }
  return EXIT_CODE.ok
}
