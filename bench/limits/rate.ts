/** How often `operation` can be done in a second by 32 callers that go on one after the other. */
export const rateOf = async (
  operation: () => Promise<unknown>,
  { seconds = 2, warmUpSeconds = 0.5, callers = 32 } = {},
): Promise<number> => {
  const run = async (forSeconds: number): Promise<number> => {
    const began = performance.now()
    const until = began + forSeconds * 1_000
    let done = 0
    const caller = async (): Promise<void> => {
      while (performance.now() < until) {
        await operation()
        done++
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
    return (done * 1_000) / (performance.now() - began)
  }
  await run(warmUpSeconds)
  return await run(seconds)
}
