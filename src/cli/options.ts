import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { UsageError } from './command.ts'

/** @throws UsageError for what is not among the options */
export const parseOptions = <T extends ParseArgsOptionsConfig>(argv: readonly string[], options: T) => {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws UsageError unless one file is given */
export const oneFile = ([file, ...more]: readonly string[]): string => {
  if (file === undefined || more.length > 0) throw new UsageError('one FILE must be given')
  return file
}
