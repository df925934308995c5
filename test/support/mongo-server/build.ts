import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const SOURCES = import.meta.dirname
const BUILD = join(SOURCES, '../../../build')
/** As go.mod says. */
const GO_VERSION = [1, 24] as const
const BUILD_LIMIT_MS = 900_000
const POLL_MS = 200

/** @returns whether a Go that can build the server is in the path */
export const hasGo = (): boolean => {
  try {
    const version = execFileSync('go', ['env', 'GOVERSION'], {
      cwd: SOURCES,
      encoding: 'utf8',
      stdio: 'pipe',
    })
    const [, major = 0, minor = 0] = /^go(\d+)\.(\d+)/.exec(version)?.map(Number) ?? []
    return major > GO_VERSION[0] || (major === GO_VERSION[0] && minor >= GO_VERSION[1])
  } catch {
    return false
  }
}

const sourcesHash = async (): Promise<string> => {
  const names = (await readdir(SOURCES)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort()
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`)
  for (const name of names) hash.update(`${name}\n`).update(await readFile(join(SOURCES, name)))
  return hash.digest('hex').slice(0, 16)
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Only saves work: a build that runs twice ends in the same file, put there in one step. */
const takeLock = async (lock: string): Promise<boolean> => {
  try {
    await writeFile(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true })
    return false
  }
}

const build = async (binary: string): Promise<void> => {
  const unfinished = `${binary}.${process.pid}`
  await promisify(execFile)('go', ['build', '-mod=readonly', '-o', unfinished, '.'], {
    cwd: SOURCES,
    timeout: BUILD_LIMIT_MS,
  })
  await rename(unfinished, binary)
}

/**
 * The server's program, built if its sources have changed: minutes the first time, one process at a time.
 *
 * @returns its path
 */
export const buildMongoServer = async (): Promise<string> => {
  await mkdir(BUILD, { recursive: true })
  const binary = join(BUILD, `mongo-server-${await sourcesHash()}`)
  const lock = `${binary}.lock`
  while (!existsSync(binary)) {
    if (!(await takeLock(lock))) {
      await sleep(POLL_MS)
      continue
    }
    try {
      await build(binary)
    } finally {
      await rm(lock, { force: true })
    }
  }
  return binary
}
