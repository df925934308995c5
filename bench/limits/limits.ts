import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { SimulatorProcess } from '../targets.ts'

const run = promisify(execFile)

/** The parts of the operations. */
export const PARTS = ['pbkdf2', 'insert', 'unwrap', 'generate'] as const
export type Part = (typeof PARTS)[number]

/** Operations a second of a part alone, on all cores, in a process of its own, as the service would be. */
export const measurePart = async (
  part: Part,
  folder: string,
  simulator: SimulatorProcess,
): Promise<number> => {
  const settings = JSON.stringify(simulator.settings)
  const [script, ...args] = {
    pbkdf2: ['./pbkdf2.ts'],
    insert: ['./insert.ts', join(folder, 'limit.sqlite')],
    unwrap: ['./hsm.ts', settings, 'unwrap'],
    generate: ['./hsm.ts', settings, 'generate'],
  }[part] as [string, ...string[]]
  const path = fileURLToPath(new URL(script, import.meta.url))
  const { stdout } = await run(process.execPath, [path, ...args], { timeout: 120_000 })
  return Number(stdout.trim())
}

/** What parts add up to that share the same cores and come one after the other. */
export const combined = (...rates: readonly number[]): number =>
  1 / rates.reduce((sum, rate) => sum + 1 / rate, 0)
