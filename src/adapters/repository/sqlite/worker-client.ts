import { DeadlinePassed, within } from '../../../domain/deadline.ts'
import { KmsError } from '../../../domain/errors.ts'
import { errorOf, unavailable } from './failures.ts'
import { monotonicMs, type OperationName, type Operations, type Outcome } from './messages.ts'
import { WorkerThread } from './worker-thread.ts'

export interface WorkerClientOptions {
  readonly path: string
  /** Whether the file is made if it is missing. */
  readonly mayCreate: boolean
  /** Milliseconds that a call may take. */
  readonly deadlineMs: number
  /** Calls that may wait at once. */
  readonly maxQueue: number
}

/** A start may wait 5 s for a lock. */
const OPEN_DEADLINE_MS = 10_000
const CLOSE_DEADLINE_MS = 5_000
/** A database that cannot be opened is not tried more often. */
const RESTART_INTERVAL_MS = 1_000

/** The rest is for what was begun to come back: a call that fails for time has then, as a rule, stored nothing. */
const SHARE_TO_BEGIN = 0.8

/** @throws KmsError `store_unavailable` when the time is over */
const answerIn = async <T>(ms: number, promise: Promise<T>): Promise<T> => {
  try {
    return await within(ms, promise, 'the answer of the store')
  } catch (error) {
    throw error instanceof DeadlinePassed ? unavailable(error) : error
  }
}

/** Calls of the worker from the main side: bounded in number and in time, over as many threads as have to be. */
export class WorkerClient {
  readonly #options: WorkerClientOptions
  /**
   * Calls without an answer. Those whose deadline has passed are among them: their messages lie in the worker's
   * queue until it takes them.
   */
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #thread: WorkerThread | undefined
  #startedAt = 0
  #endedBecause: Error | undefined
  #nextId = 0
  #closing: Promise<void> | undefined

  private constructor(options: WorkerClientOptions) {
    this.#options = options
  }

  /** @throws KmsError `start_refused`, `store_unavailable` */
  static async open(options: WorkerClientOptions): Promise<WorkerClient> {
    const client = new WorkerClient(options)
    const thread = client.#start(options.mayCreate)
    try {
      await answerIn(OPEN_DEADLINE_MS, thread.opened)
      return client
    } catch (error) {
      void thread.terminate()
      throw KmsError.is(error) ? error : unavailable(error)
    }
  }

  /** @throws KmsError `store_busy`, `store_unavailable`, or as the operation fails */
  async call<K extends OperationName>(
    operation: K,
    ...input: Parameters<Operations[K]>
  ): Promise<ReturnType<Operations[K]>> {
    if (this.#closing !== undefined) throw unavailable(new Error('the store was closed'))
    const { deadlineMs, maxQueue } = this.#options
    if (this.#waiting.size >= maxQueue) throw new KmsError('store_busy')
    const id = this.#nextId++
    this.#running().post({ id, operation, input, until: monotonicMs() + deadlineMs * SHARE_TO_BEGIN })
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(id, answer)
    return (await answerIn(deadlineMs, answer.promise)) as ReturnType<Operations[K]>
  }

  /** Idempotent. Waits 5 s for what is under way, at most; what then still waits fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const underWay = Array.from(this.#waiting.values(), ({ promise }) => promise)
    await answerIn(CLOSE_DEADLINE_MS, Promise.allSettled(underWay)).catch(() => undefined)
    const thread = this.#thread
    if (thread === undefined) return
    thread.post('close')
    await answerIn(CLOSE_DEADLINE_MS, thread.exited).catch(() => thread.terminate())
  }

  /** @throws KmsError `store_unavailable` if it ended right after its start, a moment ago */
  #running(): WorkerThread {
    if (this.#thread !== undefined) return this.#thread
    if (monotonicMs() - this.#startedAt < RESTART_INTERVAL_MS) throw unavailable(this.#endedBecause)
    return this.#start(false)
  }

  #start(mayCreate: boolean): WorkerThread {
    this.#startedAt = monotonicMs()
    this.#thread = new WorkerThread(
      { path: this.#options.path, mayCreate },
      {
        answered: (id, outcome) => this.#settle(id, outcome),
        ended: (cause) => this.#ended(cause),
      },
    )
    return this.#thread
  }

  #settle(id: number, outcome: Outcome): void {
    const answer = this.#waiting.get(id)
    this.#waiting.delete(id)
    if ('failure' in outcome) answer?.reject(errorOf(outcome.failure))
    else answer?.resolve(outcome.value)
  }

  /** What was begun may be stored or not: whoever waits for it hears that it failed, and never that it worked. */
  #ended(cause: Error): void {
    this.#thread = undefined
    this.#endedBecause = cause
    for (const answer of this.#waiting.values()) answer.reject(unavailable(cause))
    this.#waiting.clear()
  }
}
