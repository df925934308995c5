import { readFile } from 'node:fs/promises'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const PAGE_SIZE_AT = 8
const PAGES_AFTER_COMMIT_AT = 4

/**
 * How many commits stand in the log of that database, by the format that https://sqlite.org/walformat.html gives:
 * a frame that ends a transaction has the number of the database's pages in its header, any other has zero.
 * Precondition: the log was not reset yet.
 */
export const commitsIn = async (path: string): Promise<number> => {
  const log = await readFile(`${path}-wal`)
  const frameBytes = FRAME_HEADER_BYTES + log.readUInt32BE(PAGE_SIZE_AT)
  let commits = 0
  for (let frame = HEADER_BYTES; frame + frameBytes <= log.length; frame += frameBytes) {
    if (log.readUInt32BE(frame + PAGES_AFTER_COMMIT_AT) > 0) commits += 1
  }
  return commits
}
