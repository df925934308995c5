import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export interface Running {
  readonly process: ChildProcess
  /** What followed READY on the line that it printed, or all of the line that matched. */
  readonly ready: string
  /** Milliseconds from the start to that line. */
  readonly startMs: number
  stop(): Promise<void>
}

const START_DEADLINE_MS = 60_000

/** Everything that is running: stopped when the benchmark ends, however it ends. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts a program and waits for the line that says that it is ready.
 *
 * @throws Error with what it printed if it ends, or says nothing for a minute
 */
export const start = async (
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  isReady: (line: string) => boolean = (line) => line.startsWith('READY '),
): Promise<Running> => {
  const began = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const printed: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => reject(new Error(`not ready: ${printed.join('\n')}`)), START_DEADLINE_MS)
  const readers = [child.stdout, child.stderr].map((input) =>
    createInterface({ input }).on('line', (line) => {
      if (printed.length < 100) printed.push(line)
      if (isReady(line)) resolve(line)
    }),
  )
  child.once('exit', (code) => reject(new Error(`ended with ${code}: ${printed.join('\n')}`)))
  try {
    const line = await promise
    return {
      process: child,
      ready: line.replace(/^READY /, ''),
      startMs: performance.now() - began,
      stop: () => stop(child),
    }
  } finally {
    clearTimeout(timer)
    // What it prints under load is taken from it and not looked at.
    for (const reader of readers) reader.close()
    for (const stream of [child.stdout, child.stderr]) stream.resume()
  }
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(timer)
}

/** Resident memory in MiB, of Linux; NaN elsewhere. */
export const residentMiB = (pid: number | undefined): number => {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) / 1024
  } catch {
    return Number.NaN
  }
}
