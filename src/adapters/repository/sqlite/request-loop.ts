import type { DatabaseSync } from 'node:sqlite'
import { failureOf, isBusy } from './failures.ts'
import { commitTogether } from './group-commit.ts'
import { monotonicMs, type Outcome, type Reads, type Request, type Writes } from './messages.ts'
import { prepareReads, prepareWrites } from './statements.ts'

export interface RequestLoopOptions {
  readonly database: DatabaseSync
  readonly answer: (id: number, outcome: Outcome) => void
  /** Throws if what was committed is not where it will be looked for. */
  readonly checkPlace: () => void
}

/** Enough to make the flush cheap; few enough that 600 KB rows don't keep readers waiting for long. */
const MAX_BATCH = 64

/** Between two attempts at a lock held elsewhere; what has arrived meanwhile is read in between. */
const BUSY_PAUSE_MS = 5

const TOO_LATE: Outcome = {
  failure: { code: 'store_unavailable', cause: { message: 'not begun before its deadline' } },
}

const isLate = ({ until }: Request): boolean => monotonicMs() >= until

/** Its operation on these statements; one that is late is not begun: its caller is told that it failed. */
const run = (statements: Reads | Writes, request: Request): Outcome => {
  if (isLate(request)) return TOO_LATE
  const operation = Reflect.get(statements, request.operation) as (...input: readonly unknown[]) => unknown
  return { value: operation(...request.input) }
}

/**
 * Answers requests in turns: all reads that have arrived, then the writes that wait together, under one commit.
 * What meets a lock stays in its queue until its deadline, so that readers go on while another process writes.
 */
export class RequestLoop {
  readonly #options: RequestLoopOptions
  readonly #reads: Reads
  readonly #writes: Writes
  #waitingReads: Request[] = []
  #waitingWrites: Request[] = []
  #scheduled = false

  constructor(options: RequestLoopOptions) {
    this.#options = options
    this.#reads = prepareReads(options.database)
    this.#writes = prepareWrites(options.database)
  }

  /** The turn starts once all messages that wait for the thread have arrived here. */
  accept(request: Request): void {
    const waiting = request.operation in this.#writes ? this.#waitingWrites : this.#waitingReads
    waiting.push(request)
    this.#schedule(setImmediate)
  }

  /** What still waits is never begun. */
  stop(): void {
    this.#waitingReads = []
    this.#waitingWrites = []
  }

  #schedule(later: (turn: () => void) => void): void {
    if (this.#scheduled) return
    this.#scheduled = true
    later(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    const readsLocked = this.#serveReads()
    const writesLocked = this.#commitWrites()
    if (this.#waitingReads.length + this.#waitingWrites.length === 0) return
    const locked = readsLocked || writesLocked
    this.#schedule(locked ? (turn) => setTimeout(turn, BUSY_PAUSE_MS) : setImmediate)
  }

  /** @returns whether a lock stopped it */
  #serveReads(): boolean {
    const requests = this.#waitingReads
    this.#waitingReads = []
    for (const [served, request] of requests.entries()) {
      try {
        this.#options.answer(request.id, run(this.#reads, request))
      } catch (error) {
        if (isBusy(error) && !isLate(request)) {
          this.#waitingReads = requests.slice(served)
          return true
        }
        this.#options.answer(request.id, { failure: failureOf(error) })
      }
    }
    return false
  }

  /**
   * @returns whether a lock stopped it
   * @throws what `checkPlace` throws; it ends the thread, and so fails all that waits
   */
  #commitWrites(): boolean {
    if (this.#waitingWrites.length === 0) return false
    const batch = this.#waitingWrites.splice(0, MAX_BATCH)
    let outcomes: readonly Outcome[]
    try {
      outcomes = commitTogether(
        this.#options.database,
        batch.map((request) => () => run(this.#writes, request)),
      )
    } catch (error) {
      return this.#putBack(batch, error)
    }
    this.#options.checkPlace()
    for (const [at, { id }] of batch.entries()) this.#options.answer(id, outcomes[at] as Outcome)
    return false
  }

  /** Nothing of the batch is stored: what met a lock may try again, in its place, while it has time. */
  #putBack(batch: readonly Request[], error: unknown): boolean {
    const waitsOn = isBusy(error) ? batch.filter((request) => !isLate(request)) : []
    this.#waitingWrites.unshift(...waitsOn)
    const failure = failureOf(error)
    for (const request of batch) {
      if (!waitsOn.includes(request)) this.#options.answer(request.id, { failure })
    }
    return waitsOn.length > 0
  }
}
