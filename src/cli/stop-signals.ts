import { constants } from 'node:os'

type StopSignal = 'SIGINT' | 'SIGTERM'

/**
 * npm and the launcher pass on a signal that the terminal sends to all of them, so that one key press arrives
 * twice.
 */
const SAME_PRESS_MS = 100

/** Ending in order has bounds of its own, which come before; this one is for what nobody foresaw. */
const LAST_RESORT_MS = 30_000

/**
 * Resolves at the first signal to end, or when the launcher that waits for this process is gone. A second
 * signal ends the process at once.
 */
export const stopSignal = (): Promise<void> =>
  new Promise((resolve) => {
    let first: number | undefined
    const stop = (signal: StopSignal): void => {
      if (first === undefined) {
        first = performance.now()
        setTimeout(() => process.exit(1), LAST_RESORT_MS).unref()
        resolve()
      } else if (performance.now() - first > SAME_PRESS_MS) {
        process.exit(128 + constants.signals[signal])
      }
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    process.once('disconnect', () => resolve())
    // Listening to the launcher keeps nothing alive.
    process.channel?.unref()
  })
