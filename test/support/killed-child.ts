import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Runs a program that prints a line for each thing that was acknowledged, and kills it at a random moment after
 * the first one.
 *
 * @returns the whole lines
 */
export const linesUntilKilled = async (
  program: string,
  args: readonly string[],
  maxDelayMs: number,
): Promise<readonly string[]> => {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const closed = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), closed])
  await sleep(randomInt(maxDelayMs))
  child.kill('SIGKILL')
  const [, signal] = await closed
  assert.equal(signal, 'SIGKILL', 'the writers ended by themselves')
  return printed.split('\n').slice(0, -1)
}
