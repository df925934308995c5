import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A limit is measured in a process of its own, as the service would be. */
const measure = async (script: string, args: readonly string[] = []): Promise<string> => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { stdout } = await run(process.execPath, [path, ...args], { timeout: 120_000 })
  return stdout.trim()
}

/** Operations a second of each part alone, on all cores. */
export interface Limits {
  readonly pbkdf2: number
  readonly insert: number
  readonly unwrap: number
  readonly generate: number
}

export const measureLimits = async (
  databasePath: string,
  hsmSettings: Readonly<Record<string, unknown>>,
): Promise<Limits> => {
  const pbkdf2 = Number(await measure('./pbkdf2.ts'))
  const insert = Number(await measure('./insert.ts', [databasePath]))
  const hsm = JSON.parse(await measure('./unwrap.ts', [JSON.stringify(hsmSettings)]))
  return { pbkdf2, insert, unwrap: hsm.unwrap, generate: hsm.generate }
}

/** What parts add up to that share the same cores and come one after the other. */
export const combined = (...rates: readonly number[]): number =>
  1 / rates.reduce((sum, rate) => sum + 1 / rate, 0)
