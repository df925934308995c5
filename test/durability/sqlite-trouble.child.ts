import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteKeyRepository } from '../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { rowOf } from '../contracts/key-repository/samples.ts'

/** Makes one trouble for its own database, and prints as JSON what the store did before, in and after it. */
const [folder = '', trouble = ''] = process.argv.slice(2)
const path = join(folder, 'cofre.sqlite')
const filler = join(folder, 'filler')

const fillDisk = (): void => {
  const file = openSync(filler, 'w')
  const bytes = new Uint8Array(64 * 1024)
  try {
    // Then by ever less, down to the last byte.
    for (let size = bytes.length; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (;;) writeSync(file, bytes, 0, size)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
  } finally {
    closeSync(file)
  }
}

const limitFileSize = (bytes: string): void => {
  execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`])
}

/** Not the index of the log: it is mapped into memory, where a refused write ends the process. */
const makeImmutable = (flag: '+i' | '-i'): void => {
  execFileSync('chattr', [flag, path, `${path}-wal`])
}

const TROUBLES: Readonly<Record<string, { begin(): void; end(): void }>> = {
  'full-disk': { begin: fillDisk, end: () => rmSync(filler) },
  'file-size-limit': {
    begin: () => limitFileSize(String(statSync(`${path}-wal`).size)),
    end: () => limitFileSize('unlimited'),
  },
  'read-only': { begin: () => makeImmutable('+i'), end: () => makeImmutable('-i') },
}

const outcomeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call
    return 'ok'
  } catch (error) {
    return KmsError.is(error) ? `${error.code}: ${String(error.cause)}` : String(error)
  }
}

const store = await openSqliteKeyRepository({ path })
const large = 'x'.repeat(100_000)
const row = (pub: string) => rowOf({ pub, encryptedPrv: large })
const isFound = async (pub: string): Promise<boolean> =>
  (await store.findPrivateKey(rowOf({ pub })))?.encryptedPrv === large

const report: Record<string, unknown> = {
  insertBefore: await outcomeOf(store.insertPrivateKey(row('before'))),
}
TROUBLES[trouble]?.begin()
try {
  report.insertDuring = await outcomeOf(store.insertPrivateKey(row('during')))
  report.pingDuring = await outcomeOf(store.ping())
  report.readsDuring = [await isFound('before'), await isFound('during')]
} finally {
  TROUBLES[trouble]?.end()
}
report.pingAfter = await outcomeOf(store.ping())
report.insertAfter = await outcomeOf(store.insertPrivateKey(row('after')))
report.insertAgain = await outcomeOf(store.insertPrivateKey(row('during')))
report.readsAfter = [await isFound('before'), await isFound('during'), await isFound('after')]
await store.close()
process.stdout.write(JSON.stringify(report))
