import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { COFRE } from '../support/service-process.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const DEADLINE_MS = 60_000

/** Runs `cofre ARGS` with nothing but these variables, to its end. */
export const runCofre = async (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd: string = process.cwd(),
): Promise<Ended> => {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [COFRE, ...args], {
    env: { PATH, ...environment },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
