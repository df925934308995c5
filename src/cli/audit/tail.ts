import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { readLines } from '../../adapters/audit/verify/read-lines.ts'
import { EXIT_CODE, UsageError } from '../command.ts'
import { oneFile, parseOptions } from '../options.ts'
import type { AuditContext } from './context.ts'
import { tellRecord } from './tell-record.ts'

export const TAIL_USAGE = `cofre audit tail FILE [--lines N] [--follow] [--checkpoints]
  The last N (20) records for people, and with --follow those that come. Verifies nothing.
`

const OPTIONS = {
  lines: { type: 'string', short: 'n', default: '20' },
  follow: { type: 'boolean', short: 'f', default: false },
  checkpoints: { type: 'boolean', default: false },
} as const

const POLL_MS = 500

const sizeOf = async (file: string): Promise<number> => (await stat(file)).size

export const tail = async (context: AuditContext): Promise<number> => {
  const { values, positionals } = parseOptions(context.args, OPTIONS)
  const file = oneFile(positionals)
  if (!/^\d{1,6}$/.test(values.lines)) throw new UsageError('--lines must be a whole number')

  /** Records from a line on. @returns the number of the line after the last */
  const readFrom = async (from: number, take: (text: string) => void): Promise<number> => {
    let next = from
    for await (const { number, bytes, ended } of readLines(file)) {
      if (number < from || !ended) continue
      next = number + 1
      const text = tellRecord(bytes.toString('utf8'), values.checkpoints)
      if (text !== undefined) take(text)
    }
    return next
  }
  try {
    const last: string[] = []
    let size = await sizeOf(file)
    let next = await readFrom(1, (text) => {
      last.push(text)
      if (last.length > Number(values.lines)) last.shift()
    })
    for (const text of last) context.print(text)
    let stopped = !values.follow
    const stop = context.stopped.then(() => {
      stopped = true
    })
    while (!stopped) {
      await Promise.race([sleep(POLL_MS), stop])
      const now = await sizeOf(file)
      // Smaller: the file was put aside, and the next one began.
      if (now < size) next = 1
      if (now !== size) next = await readFrom(next, context.print)
      size = now
    }
    return EXIT_CODE.ok
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (path === undefined) throw error
    context.complain(`cofre audit tail: ${path} can't be read (${code})`)
    return EXIT_CODE.failed
  }
}
