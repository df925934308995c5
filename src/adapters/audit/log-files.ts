import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'

const DIGITS = 15

const partsOf = (path: string): { readonly stem: string; readonly suffix: string } => {
  const suffix = extname(path)
  return { stem: basename(path, suffix), suffix }
}

/** `audit.jsonl` that ended with record 1234 becomes `audit.000000000001234.jsonl`. */
export const endedFilePath = (path: string, lastSequence: number): string => {
  const { stem, suffix } = partsOf(path)
  return join(dirname(path), `${stem}.${String(lastSequence).padStart(DIGITS, '0')}${suffix}`)
}

/** The ended file with the highest number, of a log that has any. */
export const lastEndedFile = async (path: string): Promise<string | undefined> => {
  const { stem, suffix } = partsOf(path)
  const names = (await readdir(dirname(path))).filter(
    (name) =>
      name.startsWith(`${stem}.`) &&
      name.endsWith(suffix) &&
      /^\d{15}$/.test(name.slice(stem.length + 1, name.length - suffix.length)),
  )
  const last = names.sort().at(-1)
  return last === undefined ? undefined : join(dirname(path), last)
}
