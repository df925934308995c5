import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { type Command, EXIT_CODE, UsageError } from './command.ts'

const readVersion = (): string => {
  const path = findPackageJSON(import.meta.url)
  if (path === undefined) throw new Error('package.json is missing')
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version
}

/** Name and version, as they are printed. */
export const programName = (): string => `cofre ${readVersion()} on Node.js ${process.version}`

export const version: Command = async ({ args, print }) => {
  if (args.length > 0) throw new UsageError('takes no arguments')
  print(`${programName()}\n`)
  return EXIT_CODE.ok
}
