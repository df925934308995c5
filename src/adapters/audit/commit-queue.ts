import type { KeyObject } from 'node:crypto'
import { KmsError } from '../../domain/errors.ts'
import type { Clock } from '../../domain/random.ts'
import type { Logger } from '../../ports/logger.port.ts'
import type { AuditSink } from './audit-sink.ts'
import { Block } from './block.ts'
import type { Position, RecordBody } from './record.ts'

export interface CommitQueueOptions {
  readonly sink: AuditSink
  /** Where the chain stands. */
  readonly position: Position
  /** The log's name. */
  readonly instance: string
  readonly key: KeyObject
  readonly clock: Clock
  readonly logger: Logger
  /** How long a record may take to come on disk. */
  readonly deadlineMs: number
  /** Records that may wait. */
  readonly maxQueue: number
  /** Size after which a file is put aside. */
  readonly maxFileBytes: number
  /** The name of the file before, where the file is new and the log is not. */
  readonly continues?: string | undefined
}

interface Waiting {
  readonly time: Date
  readonly body: RecordBody
  readonly resolve: () => void
  readonly reject: (error: KmsError) => void
  /** It is in a block on its way to disk, and nobody waits for it any more. */
  expired: boolean
}

/** Operations that were refused for want of a record. */
interface Gap {
  readonly since: Date
  readonly refused: number
}

/** With the bound on one record it keeps a block within what `readLogTail` looks at. */
const MAX_BLOCK_RECORDS = 256

const unavailable = (reason: string, cause?: unknown): KmsError =>
  new KmsError('audit_unavailable', { cause: new Error(reason, cause === undefined ? {} : { cause }) })

/**
 * Group commit: while one block goes to disk the next one gathers. A block that fails was never there: the chain
 * goes on from the last that did not, and its records were refused.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions
  readonly #waiting: Waiting[] = []
  #position: Position
  #continues: string | undefined
  #committing: Promise<void> | undefined
  #gap: Gap | undefined
  #late: number[] = []
  #closed = false

  constructor(options: CommitQueueOptions) {
    this.#options = options
    this.#position = options.position
    this.#continues = options.continues
  }

  /** The end of what is on disk. */
  get position(): Position {
    return this.#position
  }

  /** Resolves when it is on disk. @throws KmsError `audit_unavailable` */
  async add(body: RecordBody): Promise<void> {
    if (this.#closed) throw unavailable('the audit log is closed')
    if (this.#waiting.length >= this.#options.maxQueue) {
      this.#refused('its queue is full')
      throw unavailable('too many records wait for the audit log')
    }
    const { clock, deadlineMs } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { time: clock(), body, resolve, reject, expired: false }
    const timer = setTimeout(() => {
      waiting.expired = true
      const at = this.#waiting.indexOf(waiting)
      if (at >= 0) this.#waiting.splice(at, 1)
      this.#refused(`a record was not on disk within ${deadlineMs} ms`)
      reject(unavailable(`the record was not on disk within ${deadlineMs} ms`))
    }, deadlineMs)
    this.#waiting.push(waiting)
    this.#committing ??= this.#commitAll()
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** Takes nothing any more. Resolves when nothing waits. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#committing
  }

  async #commitAll(): Promise<void> {
    // What is asked for in the same turn of the event loop shares the first block.
    await Promise.resolve()
    while (this.#waiting.length > 0 || this.#late.length > 0) {
      const written = await this.#commit(this.#waiting.splice(0, MAX_BLOCK_RECORDS))
      // What could not be told with this block is told with the next record.
      if (!written && this.#waiting.length === 0) break
    }
    this.#committing = undefined
  }

  /** @returns whether it is on disk */
  async #commit(records: readonly Waiting[]): Promise<boolean> {
    const { sink, instance, key, clock, maxFileBytes } = this.#options
    try {
      if (sink.size >= maxFileBytes) this.#continues = await sink.rotate(this.#position.sequence)
      const block = new Block(this.#position)
      const now = clock()
      if (this.#continues !== undefined) {
        block.add(now, { kind: 'continued', instance, file: this.#continues })
      }
      const gap = this.#gap
      if (gap !== undefined) {
        block.add(now, { kind: 'gap', since: gap.since.toISOString(), refused: gap.refused })
      }
      const late = this.#late
      if (late.length > 0) block.add(now, { kind: 'late', sequences: late })
      const written = records.map((record) => ({ record, sequence: block.add(record.time, record.body) }))
      const { bytes, position } = await block.seal(clock(), instance, key)
      await sink.append(bytes)
      this.#position = position
      this.#continues = undefined
      this.#late = written.filter(({ record }) => record.expired).map(({ sequence }) => sequence)
      this.#recovered(gap)
      for (const { record } of written) record.resolve()
      return true
    } catch (cause) {
      for (const { reject, expired } of records) {
        if (expired) continue
        this.#refused('it could not be written', cause)
        reject(unavailable('the audit log could not be written', cause))
      }
      return false
    }
  }

  /** Said once, until it is over. */
  #refused(reason: string, cause?: unknown): void {
    const { clock, logger } = this.#options
    if (this.#gap === undefined) {
      this.#gap = { since: clock(), refused: 0 }
      logger.error(
        { reason, ...(cause === undefined ? {} : { err: cause }) },
        'audit log unavailable: requests are refused',
      )
    }
    this.#gap = { ...this.#gap, refused: this.#gap.refused + 1 }
  }

  /** @param told as it stood when its record was made: what was refused since is the next one's to tell */
  #recovered(told: Gap | undefined): void {
    if (told === undefined || this.#gap === undefined) return
    const { logger } = this.#options
    logger.info({ since: told.since, refused: told.refused }, 'audit log available again')
    const refused = this.#gap.refused - told.refused
    this.#gap = refused === 0 ? undefined : { since: told.since, refused }
  }
}
