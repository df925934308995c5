import { setTimeout as sleep } from 'node:timers/promises'
import type { Position } from '../../adapters/audit/record.ts'
import { groupLogs } from '../../adapters/audit/verify/group-logs.ts'
import { type VerifiedLog, type VerifyOptions, verifyLog } from '../../adapters/audit/verify/verify-log.ts'
import { KmsError } from '../../domain/errors.ts'
import { EXIT_CODE, UsageError } from '../command.ts'
import { parseOptions } from '../options.ts'
import type { AuditContext } from './context.ts'
import { printable } from './printable.ts'
import { trustedKey } from './public-key.ts'

export const VERIFY_USAGE = `cofre audit verify FILE... [--key PUB] [--store URL [--log NAME]... | --head SEQ:HASH] [--after SEQ:HASH]
  Verifies all files of one or more logs, in any order: chain, signatures, numbers. Exit code 0: as it was written; 1: not,
  or not to its end; 2: called wrongly.
  --key PUB         the only key that is trusted: PEM file, or the base64 of one (the public half of AUDIT_KEY)
  --store URL       the store that keeps the log's head: sqlite:PATH or mongodb://... ("" for DATABASE_URL);
                    every log that it knows must be among the files
  --log NAME        only this log of the store must be; may be given several times
  --head SEQ:HASH   a head known from elsewhere, such as the service log
  --after SEQ:HASH  the log's earlier files are archived; this is the last record of the last of them
`

const OPTIONS = {
  key: { type: 'string' },
  store: { type: 'string' },
  log: { type: 'string', multiple: true },
  head: { type: 'string' },
  after: { type: 'string' },
} as const

const parsePosition = (option: string, text: string | undefined): Position | undefined => {
  if (text === undefined) return undefined
  const [, digits, hash] = /^(\d{1,15}):([0-9a-fA-F]{64})$/.exec(text) ?? []
  if (digits === undefined || hash === undefined) {
    throw new UsageError(`${option} must be SEQ:HASH: a record's number and 64 hexadecimal digits`)
  }
  return { sequence: Number(digits), hash: hash.toLowerCase() }
}

const ATTEMPTS = 5
const PAUSE_MS = 200

/** A log that is being written may be met in the middle of a block: it is read again. */
const verifyFinished = async (files: readonly string[], options: VerifyOptions): Promise<VerifiedLog> => {
  for (let attempt = 1; ; attempt++) {
    const verified = await verifyLog(files, options)
    if (verified.break?.unfinished !== true || attempt === ATTEMPTS) return verified
    await sleep(PAUSE_MS)
  }
}

type Heads = NonNullable<VerifyOptions['heads']>

const headsOf = async (
  { store, head }: { readonly store?: string | undefined; readonly head?: string | undefined },
  { openHeads, environment }: AuditContext,
): Promise<Heads | undefined> => {
  const given = parsePosition('--head', head)
  if (given !== undefined) return [given]
  if (store === undefined) return undefined
  const url = store === '' ? environment.DATABASE_URL : store
  if (url === undefined || url === '') throw new UsageError('--store: DATABASE_URL is not set')
  const opened = await openHeads(url)
  try {
    return await opened.listAuditHeads()
  } finally {
    await opened.close()
  }
}

export const verify = async (context: AuditContext): Promise<number> => {
  const { values, positionals: files } = parseOptions(context.args, OPTIONS)
  if (files.length === 0) throw new UsageError('no FILE is given')
  if (values.store !== undefined && values.head !== undefined) {
    throw new UsageError('--store and --head exclude each other')
  }
  if (values.log !== undefined && values.store === undefined) throw new UsageError('--log needs --store')
  const after = parsePosition('--after', values.after)
  const publicKey = trustedKey(values.key, context)
  try {
    // The heads first: a log that grows meanwhile only gets further than they say.
    const heads = await headsOf(values, context)
    const logs = await groupLogs(files)
    if (logs.length > 1 && (values.head !== undefined || after !== undefined)) {
      throw new UsageError(`the files are of ${logs.length} logs; --head and --after are of one`)
    }
    const options = {
      publicKey,
      ...(after === undefined ? {} : { after }),
      ...(heads === undefined ? {} : { heads }),
    }
    let good = true
    const seen = new Set<string>()
    for (const log of logs) {
      const verified = await verifyFinished(log, options)
      report(verified, log, context)
      good &&= verified.break === undefined
      if (verified.instance !== undefined) seen.add(verified.instance)
    }
    if (values.store === undefined && values.head === undefined) {
      context.print(
        "Without --store or --head it can't be excluded that the log was cut off at a checkpoint.\n",
      )
    }
    if (values.store !== undefined) {
      const known = heads?.flatMap(({ instance }) => instance ?? []) ?? []
      good = tellMissing({ known, seen, wanted: values.log ?? known }, context) && good
    }
    return good ? EXIT_CODE.ok : EXIT_CODE.failed
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException
    if (KmsError.is(error)) context.complain(`cofre audit verify: --store: ${error.message}`)
    else if (path !== undefined) context.complain(`cofre audit verify: ${path} can't be read (${code})`)
    else throw error
    return EXIT_CODE.failed
  }
}

const report = (verified: VerifiedLog, files: readonly string[], { print, complain }: AuditContext): void => {
  const { records, instance = 'without a name', end, openIntents, break: found } = verified
  for (const { sequence, time, operation, tenant, pub, source, requestId } of openIntents) {
    const what = printable(
      `${time}, ${operation} tenant ${tenant} pub ${pub} source ${source}, request ${requestId}`,
    )
    print(`intent without outcome: record ${sequence}, ${what}\n`)
  }
  const log = printable(instance)
  if (found === undefined) {
    print(`good: log ${log}, ${files.length} files, ${records} records, head ${end.sequence}:${end.hash}\n`)
    return
  }
  complain(`BROKEN: ${found.file} line ${found.line}: ${printable(found.reason)}`)
  complain(`log ${log} is vouched for up to record ${end.sequence}`)
}

interface LogNames {
  /** To the store. */
  readonly known: readonly string[]
  readonly seen: ReadonlySet<string>
  readonly wanted: readonly string[]
}

/** Whoever removes a whole log cuts it too. @returns whether none is missing */
const tellMissing = ({ known, seen, wanted }: LogNames, { print, complain }: AuditContext): boolean => {
  const missing = wanted.filter((name) => !seen.has(name))
  for (const name of missing) {
    complain(`BROKEN: log ${printable(name)} has no file here: give all its files, or name others with --log`)
  }
  const others = known.filter((name) => !seen.has(name) && !wanted.includes(name))
  if (others.length > 0) print(`Not asked for: the logs ${others.map(printable).join(', ')} of the store\n`)
  return missing.length === 0
}
