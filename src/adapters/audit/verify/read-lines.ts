import { open } from 'node:fs/promises'

export interface Line {
  /** Counted from 1. */
  readonly number: number
  /** Without its line end. */
  readonly bytes: Buffer
  /** Whether it has one. */
  readonly ended: boolean
}

/** More than the longest record. */
export const MAX_LINE_BYTES = 1024 * 1024
const CHUNK_BYTES = 256 * 1024
const NEWLINE = 0x0a

/** The bytes as they stand, line by line; of a line that is too long only the beginning, as the last one. */
export const readLines = async function* (path: string): AsyncGenerator<Line> {
  await using file = await open(path, 'r')
  let number = 0
  let kept = Buffer.alloc(0)
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null)
    if (bytesRead === 0) break
    kept = Buffer.concat([kept, chunk.subarray(0, bytesRead)])
    let from = 0
    for (let at = kept.indexOf(NEWLINE); at >= 0; at = kept.indexOf(NEWLINE, from)) {
      yield { number: ++number, bytes: kept.subarray(from, at), ended: true }
      from = at + 1
    }
    kept = kept.subarray(from)
    if (kept.length > MAX_LINE_BYTES) break
  }
  if (kept.length > 0) yield { number: number + 1, bytes: kept, ended: false }
}
