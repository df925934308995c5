import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlinePassed, within } from '../../../domain/deadline.ts'
import { KmsError } from '../../../domain/errors.ts'
import { causeOf, errorOf, isPassing } from './failures.ts'

const PAUSE_MS = 50

const unavailable = (why: string): KmsError => new KmsError('store_unavailable', { cause: new Error(why) })

/** When a call must have its answer. */
export class Deadline {
  readonly #until: number

  constructor(ms: number) {
    this.#until = performance.now() + ms
  }

  /**
   * Between two attempts.
   *
   * @param because what the last one failed with
   * @throws KmsError `store_unavailable` if the time is over: nothing new is begun
   */
  async pause(because?: unknown): Promise<void> {
    await sleep(PAUSE_MS)
    if (performance.now() < this.#until) return
    const cause =
      because === undefined ? new Error('no certain answer before the deadline') : causeOf(because)
    throw new KmsError('store_unavailable', { cause })
  }
}

/** For what changes nothing, or the same however often it is done. */
export const persist = async <T>(deadline: Deadline, attempt: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isPassing(error)) throw error
      await deadline.pause(error)
    }
  }
}

/** Resolves as the work does, or fails when the time is over; the work goes on then, unheard. */
export const answerIn = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  try {
    return await within(ms, work, 'the answer of the store')
  } catch (error) {
    throw error instanceof DeadlinePassed ? new KmsError('store_unavailable', { cause: error }) : error
  }
}

/** Calls of the store: bounded in number and in time, and waited for when it closes. */
export class Calls {
  readonly #deadlineMs: number
  readonly #maxQueue: number
  readonly #answers = new Set<Promise<unknown>>()
  /** Also those whose caller has been answered: the driver still works on them, for a bounded time. */
  #underWay = 0
  #closed = false

  constructor(deadlineMs: number, maxQueue: number) {
    this.#deadlineMs = deadlineMs
    this.#maxQueue = maxQueue
  }

  /** @throws KmsError `store_unavailable`, `store_busy`, or as the work fails */
  async run<T>(work: (deadline: Deadline) => Promise<T>): Promise<T> {
    if (this.#closed) throw unavailable('the store was closed')
    if (this.#underWay >= this.#maxQueue) throw new KmsError('store_busy')
    const answer = answerIn(this.#deadlineMs, this.#count(work(new Deadline(this.#deadlineMs))))
    this.#answers.add(answer)
    try {
      return await answer
    } catch (error) {
      throw errorOf(error)
    } finally {
      this.#answers.delete(answer)
    }
  }

  /** Nothing is begun any more. Resolves when all callers have their answers. */
  async end(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#answers)
  }

  async #count<T>(working: Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await working
    } finally {
      this.#underWay--
    }
  }
}
