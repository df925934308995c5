const LIMIT_MS = 20_000

/** Waits for something that gives no event; a test that waits in vain fails. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${String(holds)}`)
    await new Promise((next) => setImmediate(next))
  }
}
