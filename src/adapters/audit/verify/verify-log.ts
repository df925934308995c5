import type { KeyObject } from 'node:crypto'
import { isCheckpointOf } from '../checkpoint.ts'
import { GENESIS, type Position, sha256 } from '../record.ts'
import { type OpenIntent, OpenIntents } from './open-intents.ts'
import { type Line, readLines } from './read-lines.ts'
import { parseRecord, type StoredRecord } from './stored-record.ts'

export interface LogBreak {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
  /** The log only has no end: its writer may be at it right now. */
  readonly unfinished?: boolean
}

export interface VerifiedLog {
  readonly records: number
  /** The log's name, where a checkpoint vouches for it. */
  readonly instance?: string
  /** The last checkpoint. */
  readonly end: Position
  /** Among what the last checkpoint vouches for. */
  readonly openIntents: readonly OpenIntent[]
  /** The first place that is not as it was written; nothing behind it was looked at. */
  readonly break?: LogBreak
}

export interface VerifyOptions {
  /** The only key that is trusted. */
  readonly publicKey: KeyObject
  /** Where the first file begins, if not at the log's first record. */
  readonly after?: Position
  /** Ends of logs that are known from elsewhere, the one with this name if it has one. */
  readonly heads?: readonly KnownHead[]
}

export interface KnownHead extends Position {
  /** Left out: of the log that is verified, whatever its name. */
  readonly instance?: string
}

class Broken extends Error {
  readonly place: Omit<LogBreak, 'file' | 'reason'>

  constructor(line: number, reason: string, unfinished = false) {
    super(reason)
    this.place = { line, ...(unfinished ? { unfinished } : {}) }
  }
}

/** Reads a log from its first record to its last, and stops where it is not as it was written. */
class Verification {
  readonly #options: VerifyOptions
  readonly #intents = new OpenIntents()
  /** Behind the last checkpoint, so that nobody vouches for them yet. */
  #unsigned: StoredRecord[] = []
  /** Hashes of the records that the heads name. */
  readonly #known = new Map<number, string>()
  #last: Position
  #line: { readonly number: number; readonly file: string } = { number: 1, file: '' }
  records = 0
  instance: string | undefined
  end: Position

  constructor(options: VerifyOptions) {
    this.#options = options
    this.#last = options.after ?? GENESIS
    this.end = this.#last
  }

  get openIntents(): readonly OpenIntent[] {
    return this.#intents.list()
  }

  see(file: string, { number, bytes, ended }: Line): void {
    if (!ended) throw new Broken(number, 'the line is not complete: cut off, or being written', true)
    const line = bytes.toString('utf8')
    const record = parseRecord(line)
    if (record === undefined) throw new Broken(number, 'this is not a record')
    this.#checkOrder(file, number, record)
    if (record.kind === 'checkpoint') this.#checkpoint(number, line, record)
    this.#last = { sequence: record.seq, hash: sha256(bytes) }
    this.#line = { number, file }
    this.#unsigned.push(record)
    if (record.kind === 'checkpoint') {
      for (const vouchedFor of this.#unsigned) this.#intents.see(vouchedFor)
      this.#unsigned = []
      this.end = this.#last
    }
    const wanted = this.#options.heads?.some(({ sequence }) => sequence === record.seq)
    if (wanted) this.#known.set(record.seq, this.#last.hash)
    this.records++
  }

  /** The log must end with a checkpoint, and not before what is known of it. */
  finish(): void {
    const { number } = this.#line
    if (this.records === 0) throw new Broken(1, 'there is no record')
    if (this.#last.sequence !== this.end.sequence) {
      const unsigned = this.#last.sequence - this.end.sequence
      const reason = `the last ${unsigned} records have no checkpoint: cut off, or being written`
      throw new Broken(number, reason, true)
    }
    const { heads } = this.#options
    if (heads === undefined) return
    const head = heads.find(({ instance }) => instance === undefined || instance === this.instance)
    if (head === undefined) throw new Broken(number, `the store knows no log called ${this.instance}`)
    if (head.sequence > this.end.sequence) {
      throw new Broken(
        number,
        `the log ends at record ${this.end.sequence} and once had ${head.sequence}: its end was cut off`,
      )
    }
    const covered = head.sequence > (this.#options.after?.sequence ?? 0)
    if (covered && this.#known.get(head.sequence) !== head.hash) {
      throw new Broken(number, `record ${head.sequence} is another one than the head says`)
    }
  }

  #checkOrder(file: string, number: number, { seq, prev }: StoredRecord): void {
    const expected = this.#last.sequence + 1
    if (seq !== expected) {
      throw new Broken(number, `record ${expected} should stand here, not ${seq}: missing, moved or put in`)
    }
    if (prev === this.#last.hash) return
    const before =
      this.records === 0
        ? 'the record before it'
        : `record ${this.#last.sequence} (${this.#line.file === file ? '' : `${this.#line.file} `}line ${this.#line.number})`
    throw new Broken(number, `record ${seq} does not follow ${before}: one of the two was altered`)
  }

  #checkpoint(number: number, line: string, { instance, seq }: StoredRecord): void {
    if (!isCheckpointOf(line, this.#options.publicKey)) {
      throw new Broken(number, `checkpoint ${seq} was not signed with the trusted key, or was altered`)
    }
    this.instance ??= instance
    if (instance !== this.instance)
      throw new Broken(number, `checkpoint ${seq} is of another log, ${instance}`)
  }
}

/**
 * Verifies the files of one log, in their order.
 *
 * @throws Error of the file system where a file can't be read
 */
export const verifyLog = async (files: readonly string[], options: VerifyOptions): Promise<VerifiedLog> => {
  const verification = new Verification(options)
  let file = files[0] ?? ''
  let found: LogBreak | undefined
  try {
    for (file of files) for await (const line of readLines(file)) verification.see(file, line)
    verification.finish()
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    found = { file, reason: error.message, ...error.place }
  }
  const { records, instance, end, openIntents } = verification
  return {
    records,
    end,
    openIntents,
    ...(instance === undefined ? {} : { instance }),
    ...(found === undefined ? {} : { break: found }),
  }
}
