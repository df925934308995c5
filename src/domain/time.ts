/** Monotonic time and timers; replaced where a test must not wait. */
export interface Time {
  /** Milliseconds that never jump. */
  now(): number
  /**
   * Runs once, `ms` later.
   *
   * @param use `background`: does not keep the process alive
   * @returns cancels it
   */
  after(ms: number, run: () => void, use?: 'awaited' | 'background'): () => void
}

export const systemTime: Time = {
  now: () => performance.now(),
  after: (ms, run, use = 'awaited') => {
    const timer = setTimeout(run, ms)
    if (use === 'background') timer.unref()
    return () => clearTimeout(timer)
  },
}

/** 0 (included) to 1 (excluded); for spreading load and pauses, never for secrets. */
export type Chance = () => number
