import { systemTime, type Time } from './time.ts'

export class DeadlinePassed extends Error {
  constructor(what: string) {
    super(`${what} took too long`)
    this.name = 'DeadlinePassed'
  }
}

/** A moment after which nobody waits any more. */
export class Deadline {
  readonly time: Time
  readonly #at: number

  private constructor(at: number, time: Time) {
    this.#at = at
    this.time = time
  }

  static after(ms: number, time: Time = systemTime): Deadline {
    return new Deadline(time.now() + ms, time)
  }

  get remainingMs(): number {
    return Math.max(0, this.#at - this.time.now())
  }

  get passed(): boolean {
    return this.time.now() >= this.#at
  }

  /** The earlier of this one and `ms` from now. */
  within(ms: number): Deadline {
    return new Deadline(Math.min(this.#at, this.time.now() + ms), this.time)
  }
}

/**
 * Waits for a promise until the deadline. What it was waiting for goes on: whoever began it ends it.
 *
 * @param what is waited for, for the error's text
 * @param discard is given a value that comes too late, to dispose of
 * @throws DeadlinePassed, or what the promise rejects with
 */
export const withDeadline = <T>(
  promise: Promise<T>,
  deadline: Deadline,
  what: string,
  discard?: (late: T) => void,
): Promise<T> =>
  new Promise((resolve, reject) => {
    let late = false
    const cancel = deadline.time.after(deadline.remainingMs, () => {
      late = true
      reject(new DeadlinePassed(what))
    })
    promise.then(
      (value) => {
        cancel()
        if (late) discard?.(value)
        else resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })

/** The same, for so many milliseconds from now. */
export const within = <T>(ms: number, promise: Promise<T>, what: string): Promise<T> =>
  withDeadline(promise, Deadline.after(ms), what)
