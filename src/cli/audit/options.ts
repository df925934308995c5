import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { CalledWrongly } from './io.ts'

/** @throws CalledWrongly for what is not among the options */
export const parseOptions = <T extends ParseArgsOptionsConfig>(argv: readonly string[], options: T) => {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new CalledWrongly((error as Error).message)
  }
}
