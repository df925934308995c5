import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { KmsError } from '../domain/errors.ts'
import type { ServerCertificate } from '../simulator/certificate.ts'
import { FaultFile } from '../simulator/fault-file.ts'
import { type SimulatorOptions, startSimulator } from '../simulator/simulator.ts'
import { memorySimulatorState, openSimulatorState } from '../simulator/state.ts'
import { PADDINGS, type Padding } from '../simulator/unenvelop.ts'
import { type Command, EXIT_CODE, UsageError } from './command.ts'

const USAGE = `cofre simulator: a Dinamo HSM in software, for development and tests, on loopback only.

  --port N               port to listen on; 0 (the default) is any free one
  --host ADDRESS         loopback address to listen on (127.0.0.1)
  --state FILE           keeps certificate and permanent keys, in clear; without it they end with the process
  --user NAME:PASSWORD   who may log in; may be given several times (kms:kms-password)
  --password-file FILE   one more user, as NAME:PASSWORD on the file's first line
  --padding P            ${PADDINGS.join(', ')} (oaep-sha256)
  --faults FILE          a fault plan in JSON, read again when it changes
  --certificate FILE     PEM certificate to show, with --key, instead of its own
  --key FILE             PEM key of that certificate
  --verbose              a line for each event
`

const OPTIONS = {
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '127.0.0.1' },
  state: { type: 'string' },
  user: { type: 'string', multiple: true },
  'password-file': { type: 'string' },
  padding: { type: 'string' },
  faults: { type: 'string' },
  certificate: { type: 'string' },
  key: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const DEFAULT_USER = 'kms:kms-password'

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`)
  }
}
type Options = ReturnType<typeof parse>

const readText = (option: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--${option} ${path} can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

const parsePort = (text: string): number => {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port must be a whole number from 0 to 65535, not ${text}`)
}

const parsePadding = (text: string): Padding => {
  const padding = PADDINGS.find((known) => known === text)
  if (padding === undefined) throw new UsageError(`--padding must be one of ${PADDINGS.join(', ')}`)
  return padding
}

const parseUser = (text: string): SimulatorOptions['users'][number] => {
  const colon = text.indexOf(':')
  if (colon < 1) throw new UsageError('a user must be given as NAME:PASSWORD')
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

const usersOf = ({ user = [], 'password-file': file }: Options): SimulatorOptions['users'] => {
  const fromFile = file === undefined ? [] : [readText('password-file', file).split(/\r?\n/, 1)[0] ?? '']
  const all = [...user, ...fromFile]
  return (all.length === 0 ? [DEFAULT_USER] : all).map(parseUser)
}

const certificateOf = ({ certificate, key }: Options): { certificate?: ServerCertificate } => {
  if (certificate === undefined && key === undefined) return {}
  if (certificate === undefined || key === undefined) {
    throw new UsageError('--certificate and --key go together')
  }
  return { certificate: { cert: readText('certificate', certificate), key: readText('key', key) } }
}

/** The simulator alone. */
export const simulator: Command = async ({ args, print, stopped }) => {
  const options = parse(args)
  if (options.help) {
    print(USAGE)
    return EXIT_CODE.ok
  }
  const log = options.verbose ? (line: string) => print(`${line}\n`) : undefined
  const settings = {
    users: usersOf(options),
    host: options.host,
    port: parsePort(options.port),
    ...certificateOf(options),
    ...(options.padding === undefined ? {} : { padding: parsePadding(options.padding) }),
    ...(options.faults === undefined
      ? {}
      : { faults: new FaultFile(options.faults, (line) => print(`${line}\n`)) }),
    ...(log === undefined ? {} : { log }),
  }
  const running = await start(settings, options.state)
  print(readyText(running, settings.users, options.state))
  await stopped
  await running.close()
  return EXIT_CODE.ok
}

const start = async (
  settings: Omit<SimulatorOptions, 'objects' | 'certificate'> & { certificate?: ServerCertificate },
  statePath: string | undefined,
) => {
  try {
    const state = await (statePath === undefined ? memorySimulatorState() : openSimulatorState(statePath))
    return await startSimulator({ ...state, ...settings })
  } catch (cause) {
    throw new KmsError('start_refused', { message: (cause as Error).message, cause })
  }
}

const readyText = (
  { host, port, certificateSha256 }: { host: string; port: number; certificateSha256: string },
  users: SimulatorOptions['users'],
  statePath: string | undefined,
): string => `The HSM simulator is for development only: it keeps its keys in clear ${statePath === undefined ? 'and forgets them at its end' : `in ${statePath}`}.
DINAMO_HOST=${host}:${port}
DINAMO_CERT_SHA256=${certificateSha256}
users: ${users.map(({ username }) => username).join(', ')}
`
