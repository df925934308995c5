import { existsSync, readFileSync } from 'node:fs'

/** What tests of processes need of the system. */
export const missingProc = (): string | undefined =>
  existsSync(`/proc/${process.pid}/task/${process.pid}/children`)
    ? undefined
    : 'the system has no /proc that lists the children of a process'

/** Processes that this one started and that are not gone, not even as zombies. */
export const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

const POLL_MS = 20
const LONGEST_MS = 60_000

/** Waits for something that nothing announces. */
export const until = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
  for (const from = performance.now(); !(await isSo()); ) {
    if (performance.now() - from > LONGEST_MS) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
