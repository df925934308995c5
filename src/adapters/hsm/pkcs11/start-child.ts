import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pkcs11Fault } from './fault.ts'

export interface ChildOptions {
  /** For the vendor's library, which reads variables of its own. */
  readonly environment: NodeJS.ProcessEnv
  /** Calls that may be under way at once. */
  readonly threads: number
}

/** Beside this file, with its extension: as TypeScript here, as JavaScript after a build. */
const ENTRY = fileURLToPath(new URL(`./child/main${extname(import.meta.url)}`, import.meta.url))

/** glibc writes over what is freed: package and library free keys unwiped. Elsewhere it has no effect. */
const OVERWRITE_FREED = 'glibc.malloc.perturb=165:glibc.malloc.tcache_count=0'

const environmentFor = ({ environment, threads }: ChildOptions): NodeJS.ProcessEnv => {
  const { NODE_OPTIONS: _ofTheParentAlone, GLIBC_TUNABLES = OVERWRITE_FREED, ...rest } = environment
  return { ...rest, GLIBC_TUNABLES, UV_THREADPOOL_SIZE: String(threads) }
}

/** @throws Pkcs11Fault where the system has no room for it */
export const startChild = (options: ChildOptions): ChildProcess => {
  const notStarted = (reason: string) =>
    new Pkcs11Fault(`the process for the PKCS#11 library does not start: ${reason}`, { kind: 'session' })
  let child: ChildProcess
  try {
    child = spawn(process.execPath, ['--disable-sigusr1', ENTRY], {
      env: environmentFor(options),
      // The fifth is never written to: it ends with this process, and so does the child.
      stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
      windowsHide: true,
    })
  } catch (error) {
    throw notStarted(error instanceof Error ? error.message : String(error))
  }
  if (Array.isArray(child.stdio)) return child
  // Without a file descriptor to spare there is an event to come, and nothing else.
  child.once('error', () => undefined)
  throw notStarted('too many files are open')
}
