import { readLines } from './read-lines.ts'
import { parseRecord } from './stored-record.ts'

interface FirstRecord {
  readonly path: string
  readonly instance: string | undefined
  readonly sequence: number
}

const firstRecordOf = async (path: string): Promise<FirstRecord> => {
  for await (const { bytes } of readLines(path)) {
    const { instance, seq = 0 } = parseRecord(bytes.toString('utf8')) ?? {}
    return { path, instance, sequence: seq }
  }
  return { path, instance: undefined, sequence: 0 }
}

/**
 * Puts the files of each log together and in their order, as their first records tell. That is only believed to
 * find the order: verifying shows whether it is true. Where a first record does not tell it, the files are taken
 * as one log in the order given.
 */
export const groupLogs = async (paths: readonly string[]): Promise<readonly (readonly string[])[]> => {
  const firsts = await Promise.all(paths.map(firstRecordOf))
  if (firsts.some(({ instance }) => instance === undefined)) return [paths]
  const groups = Map.groupBy(firsts, ({ instance }) => instance)
  return [...groups.values()].map((files) =>
    files.toSorted((a, b) => a.sequence - b.sequence).map(({ path }) => path),
  )
}
