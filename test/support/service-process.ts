import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface ServiceProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly url: string
  /** All that it printed so far. */
  readonly output: readonly string[]
  /** Ends it in order. @returns its exit code */
  stop(): Promise<number | null>
  kill(): Promise<void>
}

export const COFRE = fileURLToPath(new URL('../../bin/cofre.js', import.meta.url))

const START_DEADLINE_MS = 60_000

/** The variables of the test's own environment that a program needs to run at all. */
const inherited = (): NodeJS.ProcessEnv => {
  const { PATH, HOME, TMPDIR } = process.env
  return { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }) }
}

const run = promisify(execFile)
const anchors = new Map<string, Promise<string>>()

/** An anchor of no store, for starts that are refused before anybody looks. */
export const SOME_ANCHOR = `cofre1-${'0'.repeat(64)}`

/** Runs `cofre init`. @returns the anchor that it printed */
export const initialize = async (environment: Readonly<Record<string, string>>): Promise<string> => {
  const { stdout } = await run(process.execPath, [COFRE, 'init'], { env: { ...inherited(), ...environment } })
  return /^STORE_ANCHOR=(.+)$/m.exec(stdout)?.[1] ?? ''
}

/** What `cofre init` printed for that store; it is asked once for each. */
export const anchorFor = (environment: Readonly<Record<string, string>>): Promise<string> => {
  const { DATABASE_URL = '' } = environment
  const anchor = anchors.get(DATABASE_URL) ?? initialize(environment)
  anchors.set(DATABASE_URL, anchor)
  return anchor
}

/** What `serve` needs, the store's anchor included. */
const completeFor = async (
  command: 'serve' | 'dev',
  environment: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> =>
  command === 'dev' || environment.STORE_ANCHOR !== undefined
    ? environment
    : { ...environment, STORE_ANCHOR: await anchorFor(environment) }

/**
 * Starts `cofre COMMAND` as an operator would, after `cofre init` where the store is new, and waits until it says that it is ready.
 *
 * @throws Error with what it printed, if it ends first
 */
export const startServiceProcess = async (
  command: 'serve' | 'dev',
  environment: Readonly<Record<string, string>>,
  { nodeArguments = [] }: { readonly nodeArguments?: readonly string[] } = {},
): Promise<ServiceProcess> => {
  const child = spawn(process.execPath, [...nodeArguments, COFRE, command], {
    env: { ...inherited(), ...(await completeFor(command, environment)) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  const ready = Promise.withResolvers<string>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line)
      const [, url] = /"url":"([^"]+)".*"msg":"ready"/.exec(line) ?? []
      if (url !== undefined) ready.resolve(url)
    })
  }
  const exited = once(child, 'close')
  void exited.then(() => ready.reject(new Error(`ended before it was ready:\n${output.join('\n')}`)))
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
  }, START_DEADLINE_MS)
  try {
    const url = await ready.promise
    return {
      child,
      pid: child.pid as number,
      url,
      output,
      async stop() {
        child.kill('SIGTERM')
        await exited
        return child.exitCode
      },
      async kill() {
        child.kill('SIGKILL')
        await exited
      },
    }
  } finally {
    clearTimeout(timer)
  }
}

/** What `serve` needs to keep an audit log in that folder. */
export const auditSettings = (folder: string): Readonly<Record<'AUDIT_LOG' | 'AUDIT_KEY', string>> => ({
  AUDIT_LOG: join(folder, 'audit.log'),
  AUDIT_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
})
