interface Window {
  readonly start: number
  count: number
}

type Counted = (error: null, result: { readonly current: number; readonly ttl: number }) => void

const MAX_CLIENTS = 5_000

/**
 * Counts by a clock that never goes back: by the plugin's own store, which takes the time of day, a clock that is
 * set back for an hour shuts out a busy client for an hour.
 */
export class RateLimitStore {
  readonly #windows = new Map<string, Window>()

  incr(client: string, callback: Counted, windowMs: number): void {
    const now = performance.now()
    const window = this.#windowOf(client, now, windowMs)
    window.count += 1
    callback(null, { current: window.count, ttl: window.start + windowMs - now })
  }

  /** One of its own for each limit. */
  child(): RateLimitStore {
    return new RateLimitStore()
  }

  #windowOf(client: string, now: number, windowMs: number): Window {
    const found = this.#windows.get(client)
    if (found !== undefined && now - found.start < windowMs) return found
    const [oldest] = this.#windows.keys()
    if (found === undefined && this.#windows.size >= MAX_CLIENTS && oldest !== undefined) {
      this.#windows.delete(oldest)
    }
    const window = { start: now, count: 0 }
    this.#windows.delete(client)
    this.#windows.set(client, window)
    return window
  }
}
