import { createPublicKey, type KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KmsError } from '../../domain/errors.ts'
import { type Clock, systemClock } from '../../domain/random.ts'
import { publicKeySha256 } from '../../domain/wrapping.ts'
import type { AuditEntry, AuditLogPort, Refusal } from '../../ports/audit-log.port.ts'
import type { AuditHeadRepository } from '../../ports/key-repository.port.ts'
import type { Logger } from '../../ports/logger.port.ts'
import type { AuditSink } from './audit-sink.ts'
import { CommitQueue } from './commit-queue.ts'
import type { FileLock } from './file-lock.ts'
import { FileSink } from './file-sink.ts'
import { HeadPublisher } from './head-publisher.ts'
import { findLogState, type LogState, lockLog, resolveLogPath } from './open-log.ts'
import { AUDIT_FORMAT, operationBody, sha256 } from './record.ts'
import { RefusalCounts } from './refusal-counts.ts'

export interface AuditLogOptions {
  readonly path: string
  /** Ed25519 private key. */
  readonly key: KeyObject
  /** This process's name; a log that it begins is called so for ever. */
  readonly instance: string
  readonly heads: AuditHeadRepository
  readonly logger: Logger
  /** Choices of the configuration that weaken the service, by their variables. */
  readonly weakChoices?: Readonly<Record<string, string>>
  readonly clock?: Clock
  /** How long a record may take to come on disk, in milliseconds. */
  readonly deadlineMs?: number
  readonly maxQueue?: number
  /** Size after which a file is put aside. */
  readonly maxFileBytes?: number
  readonly headIntervalMs?: number
  readonly refusalIntervalMs?: number
  /** Stands between the log and its file: for tests. */
  readonly wrapSink?: (sink: AuditSink) => AuditSink
}

const DEFAULTS = {
  weakChoices: {} as Readonly<Record<string, string>>,
  clock: systemClock,
  deadlineMs: 2_000,
  maxQueue: 4_096,
  maxFileBytes: 64 * 1024 * 1024,
  headIntervalMs: 5_000,
  refusalIntervalMs: 60_000,
  wrapSink: (sink: AuditSink): AuditSink => sink,
}
type Settled = AuditLogOptions & typeof DEFAULTS

const MAX_KEPT_BYTES = 4_096

/**
 * Opens the log in a file of JSON lines, begins it where there is none, and puts it on record.
 *
 * @throws KmsError `start_refused` naming AUDIT_LOG; `audit_unavailable` where nothing can be written;
 *   `store_unavailable` where the store does not tell what it knows of the log, or does not take its head
 */
export const openFileAuditLog = async (given: AuditLogOptions): Promise<AuditLogPort> => {
  const options = { ...DEFAULTS, ...given }
  const path = await resolveLogPath(options.path)
  const lock = lockLog(path)
  let log: FileAuditLog | undefined
  try {
    const state = await findLogState(path, options)
    log = new FileAuditLog({ ...options, path }, state, lock)
    await log.begin(state)
    return log
  } catch (error) {
    if (log === undefined) lock.release()
    else await log.close()
    throw error
  }
}

class FileAuditLog implements AuditLogPort {
  readonly #options: Settled
  readonly #lock: FileLock
  readonly #instance: string
  readonly #sink: AuditSink
  readonly #queue: CommitQueue
  readonly #publisher: HeadPublisher
  readonly #refusals = new RefusalCounts()
  readonly #refusalTimer: NodeJS.Timeout
  #since: Date
  #closing: Promise<void> | undefined

  constructor(options: Settled, { instance, position, size, continues }: LogState, lock: FileLock) {
    this.#options = options
    this.#lock = lock
    this.#instance = instance
    this.#sink = options.wrapSink(new FileSink({ path: options.path, size }))
    const queue = new CommitQueue({ ...options, sink: this.#sink, instance, position, continues })
    this.#queue = queue
    this.#publisher = new HeadPublisher({
      ...options,
      instance,
      intervalMs: options.headIntervalMs,
      head: () => queue.position,
    })
    this.#since = options.clock()
    this.#refusalTimer = setInterval(() => void this.#recordRefusals(), options.refusalIntervalMs).unref()
  }

  async begin({ rest }: LogState): Promise<void> {
    const { instance: process, key, weakChoices } = this.#options
    const records = [
      this.#queue.add({
        kind: 'opened',
        format: AUDIT_FORMAT,
        instance: this.#instance,
        process,
        publicKeySha256: publicKeySha256(createPublicKey(key)),
      }),
    ]
    if (rest.length > 0) {
      const head = rest.subarray(0, MAX_KEPT_BYTES).toString('base64')
      records.push(this.#queue.add({ kind: 'recovered', bytes: rest.length, sha256: sha256(rest), head }))
    }
    for (const [variable, value] of Object.entries(weakChoices)) {
      records.push(this.#queue.add({ kind: 'configuration', variable, value }))
    }
    await Promise.all(records)
    // Before the first operation: a log that tells of any, and that the store does not know, is another store's.
    await this.#publisher.publishOrFail()
  }

  async record(entry: AuditEntry): Promise<void> {
    await this.#queue.add(operationBody(entry))
  }

  countRefusal(refusal: Refusal): void {
    this.#refusals.add(refusal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { deadlineMs } = this.#options
    clearInterval(this.#refusalTimer)
    await this.#recordRefusals()
    const written = async (): Promise<void> => {
      await this.#queue.close()
      await this.#sink.close()
    }
    // A sink that is stuck keeps its file, and the lock with it, until the process ends.
    const done = await Promise.race([
      written().then(
        () => true,
        () => true,
      ),
      sleep(deadlineMs, false, { ref: false }),
    ])
    await this.#publisher.close()
    if (done) this.#lock.release()
  }

  async #recordRefusals(): Promise<void> {
    const counts = this.#refusals.take()
    const since = this.#since
    this.#since = this.#options.clock()
    if (counts.length === 0) return
    try {
      await this.#queue.add({ kind: 'refusals', since: since.toISOString(), counts })
    } catch (error) {
      if (!KmsError.is(error)) throw error
      this.#refusals.restore(counts)
      this.#since = since
    }
  }
}
