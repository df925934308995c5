const DEPTH = 1_200
let scheduled = false
let sink = 0

const descend = (n: number, a: number, b: number, c: number, d: number, e: number): number => {
  if (n > 0) sink = (descend(n - 1, 0, 0, 0, 0, 0) + 1 + a + b + c + d + e) | 0
  return sink
}

/**
 * Native code leaves secrets in stack frames that are dead afterwards: OpenSSL's reads up to 16 KiB of plaintext,
 * its key derivations and RSA padding the data key. A deep call soon after overwrites them. Scheduled once for
 * all that happens in a turn of the event loop.
 */
export const scrubStackSoon = (): void => {
  if (scheduled) return
  scheduled = true
  setImmediate(() => {
    scheduled = false
    descend(DEPTH, 0, 0, 0, 0, 0)
  })
}
