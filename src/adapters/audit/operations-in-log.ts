import { readLines } from './verify/read-lines.ts'
import { parseRecord } from './verify/stored-record.ts'

/**
 * Whether anything was ever done under a log. If not, all it has is the starts that made it: the store may not
 * have heard of it, because the process ended between the log's first records and their head.
 *
 * @param path of its last file, which is there and not empty; where it follows another one there were operations
 */
export const holdsOperations = async (path: string): Promise<boolean> => {
  for await (const { number, bytes, ended } of readLines(path)) {
    // What a crash left in the middle of a block was never acknowledged.
    if (!ended) return false
    const record = parseRecord(bytes.toString('utf8'))
    if (record === undefined || record.kind === 'operation' || record.seq !== number) return true
  }
  return false
}
