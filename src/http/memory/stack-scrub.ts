const DEPTH = 1_200
let scheduled = false
let sink = 0

const descend = (n: number, a: number, b: number, c: number, d: number, e: number): number => {
  if (n > 0) sink = (descend(n - 1, 0, 0, 0, 0, 0) + 1 + a + b + c + d + e) | 0
  return sink
}

/**
 * OpenSSL's reads leave up to 16 KiB of plaintext in native stack frames that are dead afterwards: a deep call
 * soon after overwrites them. Scheduled once for all reads of a turn of the event loop.
 */
export const scrubStackSoon = (): void => {
  if (scheduled) return
  scheduled = true
  setImmediate(() => {
    scheduled = false
    descend(DEPTH, 0, 0, 0, 0, 0)
  })
}
