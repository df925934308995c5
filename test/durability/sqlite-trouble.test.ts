import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../adapters/repository/sqlite/support.ts'

const run = promisify(execFile)
const CHILD = fileURLToPath(new URL('./sqlite-trouble.child.ts', import.meta.url))
const LIMIT = { timeout: 60_000 }

interface Trouble {
  readonly name: string
  /** What the log must say. */
  readonly cause: RegExp
  /** Why it cannot be made here, or false. */
  readonly skip: string | false
  /** Put before the child's own command line. */
  readonly within: (folder: string) => readonly string[]
}

const works = (command: string, ...parameters: readonly string[]): boolean => {
  try {
    execFileSync(command, parameters, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The mount is in a namespace of the child's own, and so ends with it. */
const withSmallDisk = (folder: string): readonly string[] => [
  'unshare',
  ...['--mount', 'sh', '-c', 'mount -t tmpfs -o size=2m,mode=0700 tmpfs "$0" && exec "$@"', folder],
]

const canMount = (): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'cofre-mount-'))
  try {
    return works('env', ...withSmallDisk(folder), 'true')
  } finally {
    rmdirSync(folder)
  }
}

const canMakeImmutable = (): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'cofre-immutable-'))
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const can = works('chattr', '+i', file) && works('chattr', '-i', file)
  rmSync(folder, { recursive: true })
  return can
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'full-disk',
    cause: /the disk is full/,
    skip: canMount() ? false : 'mounting a small disk takes Linux, unshare(1) and the rights of root',
    within: withSmallDisk,
  },
  {
    name: 'file-size-limit',
    cause: /cannot be read, written or made larger/,
    skip: works('prlimit', '--version') ? false : 'limiting the size of files takes prlimit(1) of util-linux',
    within: () => [],
  },
  {
    name: 'read-only',
    cause: /cannot be (read, written or made larger|written)/,
    skip: canMakeImmutable()
      ? false
      : 'making an open file read-only takes chattr(1), root and ext4 or the like',
    within: () => [],
  },
]

suite('sqlite in trouble: writes fail, reads go on, and it recovers by itself', () => {
  for (const { name, cause, skip, within } of TROUBLES) {
    test(name, { ...LIMIT, skip }, async (t) => {
      const folder = await temporaryFolder(t)
      const child = [process.execPath, CHILD, folder, name]
      const { stdout } = await run('env', [...within(folder), ...child], LIMIT)
      const { insertDuring, pingDuring, ...rest } = JSON.parse(stdout) as Record<string, string>
      for (const refusal of [insertDuring, pingDuring]) {
        assert.match(refusal ?? '', /^store_unavailable: /)
        assert.match(refusal ?? '', cause)
      }
      assert.deepEqual(rest, {
        insertBefore: 'ok',
        readsDuring: [true, false],
        pingAfter: 'ok',
        insertAfter: 'ok',
        insertAgain: 'ok',
        readsAfter: [true, true, true],
      })
    })
  }
})
