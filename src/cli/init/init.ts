import { readFile } from 'node:fs/promises'
import { parseAuditKey, parseAuditPublicKey } from '../../adapters/audit/audit-key.ts'
import { BUILT_IN_SECRETS, loadProvider } from '../../adapters/hsm/provider-registry.ts'
import { forgetSecrets, readConfiguration } from '../../config/configuration.ts'
import { initStore } from '../../service/init-store.ts'
import { openLogger } from '../../service/logger.ts'
import { type Command, EXIT_CODE, UsageError } from '../command.ts'
import { oneFile, parseOptions } from '../options.ts'
import { refuseToReveal } from '../refuse-to-reveal.ts'
import { programName } from '../version.ts'
import { readTranscript, transcriptOf, writeTranscript } from './transcript.ts'

const USAGE = `cofre init [--witness NAME]... [--transcript FILE]
  Once for each store, with the settings of serve: makes the root keys and the integrity key, and prints the line
  STORE_ANCHOR=... that serve needs. Interrupted, it is called again. Refuses a store that is not empty.

cofre init verify FILE --key PUB
  Checks a transcript offline. PUB: the PEM file that cofre audit keygen printed.
`

const verifyTranscript = async ({ args, print, complain }: Parameters<Command>[0]): Promise<number> => {
  const { values, positionals } = parseOptions(args, { key: { type: 'string' } })
  const file = oneFile(positionals)
  if (values.key === undefined) throw new UsageError('--key PUB must be given')
  const read = async <T>(path: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      complain(`cofre init: ${path} can't be read (${(error as NodeJS.ErrnoException).code})`)
      return undefined
    }
  }
  const keyFile = values.key
  const pem = await read(keyFile, () => readFile(keyFile, 'utf8'))
  if (pem === undefined) return EXIT_CODE.failed
  const key = parseAuditPublicKey(pem)
  if (key === undefined) throw new UsageError(`${keyFile} is not the PEM of an Ed25519 public key`)
  const found = await read(file, async () => ({ transcript: await readTranscript(file, key) }))
  if (found === undefined) return EXIT_CODE.failed
  const { transcript } = found
  if (transcript === undefined) {
    complain(`cofre init: ${file} is not a transcript that this key signed`)
    return EXIT_CODE.failed
  }
  print(`good: signed at ${transcript.finishedAt}, witnesses: ${transcript.witnesses.join(', ') || 'none'}\n`)
  print(`STORE_ANCHOR=${transcript.anchor}\n`)
  for (const { id, provider, scope, publicKeySha256 } of transcript.rootKeys) {
    print(`root key ${id} of ${provider} for ${scope}, SHA-256 of its public half ${publicKeySha256}\n`)
  }
  return EXIT_CODE.ok
}

/** The ceremony: once for each store, before it is served. */
export const init: Command = async (context) => {
  const { args, environment, print } = context
  if (args[0] === 'help' || args.includes('--help') || args.includes('-h')) {
    print(USAGE)
    return EXIT_CODE.ok
  }
  if (args[0] === 'verify') return await verifyTranscript({ ...context, args: args.slice(1) })
  const { values, positionals } = parseOptions(args, {
    witness: { type: 'string', multiple: true },
    transcript: { type: 'string' },
  })
  if (positionals.length > 0) throw new UsageError(`${positionals[0]} is no argument of init`)
  refuseToReveal(environment)
  const configuration = await readConfiguration('init', { environment, loadProvider, parseAuditKey })
  forgetSecrets(environment, configuration, BUILT_IN_SECRETS)
  const { LOG_LEVEL, AUDIT_KEY } = configuration.service
  await initStore(configuration, openLogger(LOG_LEVEL, 'standard error'), async (keyring) => {
    if (values.transcript !== undefined && AUDIT_KEY !== undefined) {
      const transcript = transcriptOf(keyring, values.witness ?? [], programName())
      await writeTranscript(values.transcript, transcript, AUDIT_KEY)
    }
    print(`STORE_ANCHOR=${keyring.store.anchor}\n`)
  })
  return EXIT_CODE.ok
}
