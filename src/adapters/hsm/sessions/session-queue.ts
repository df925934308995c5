import type { Deadline } from '../../../domain/deadline.ts'
import { NoSessionFree } from './session.ts'

export interface Waiting<L> {
  /** Wants a newly opened session. */
  readonly fresh: boolean
  grant(lease: L): void
  fail(error: Error): void
}

/** Who waits for a session, in the order of arrival; bounded in length, and each in time. */
export class SessionQueue<L> {
  readonly #waiting = new Set<Waiting<L>>()
  readonly #maxLength: number

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  get length(): number {
    return this.#waiting.size
  }

  get first(): Waiting<L> | undefined {
    return this.#waiting.values().next().value
  }

  /** The first who is content with a session that was used before. */
  get firstContent(): Waiting<L> | undefined {
    for (const waiting of this.#waiting) if (!waiting.fresh) return waiting
    return undefined
  }

  /** @throws NoSessionFree if the queue is full, or when the deadline passes */
  join(deadline: Deadline, fresh: boolean): Promise<L> {
    if (this.#waiting.size >= this.#maxLength) {
      return Promise.reject(new NoSessionFree(`${this.#maxLength} wait already`))
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        cancel()
        this.#waiting.delete(waiting)
      }
      const waiting: Waiting<L> = {
        fresh,
        grant: (lease) => {
          leave()
          resolve(lease)
        },
        fail: (error) => {
          leave()
          reject(error)
        },
      }
      const cancel = deadline.time.after(deadline.remainingMs, () =>
        waiting.fail(new NoSessionFree('waited too long')),
      )
      this.#waiting.add(waiting)
    })
  }

  failAll(error: Error): void {
    for (const waiting of this.#waiting) waiting.fail(error)
  }
}
