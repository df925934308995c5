import { Deadline } from '../../../domain/deadline.ts'
import { KmsError } from '../../../domain/errors.ts'
import type { Sleep } from '../../../domain/random.ts'

export interface ProveDevicesOptions {
  readonly hosts: readonly string[]
  /** How many must pass. */
  readonly needed: number
  readonly timeoutMs: number
  /** @returns why the host does not pass; @throws KmsError if that can't be known now */
  readonly test: (host: string, deadlineMs: number) => Promise<string | undefined>
  /** Why a host is out of service; empty if it is not. */
  readonly problemOf: (host: string) => string
  /** Nobody waits any more. */
  readonly isOver: () => boolean
  readonly sleep: Sleep
}

const PAUSE_MS = 250

/**
 * Tests every host, again and again, until enough of them passed.
 *
 * @returns those that passed by then
 * @throws KmsError `start_refused` naming each host that did not, and why
 */
export const proveDevices = async (
  rootKeyId: string,
  { hosts, needed, timeoutMs, test, problemOf, isOver, sleep }: ProveDevicesOptions,
): Promise<ReadonlySet<string>> => {
  const deadline = Deadline.after(timeoutMs)
  const passed = new Set<string>()
  const flaws = new Map<string, string>()

  const prove = async (host: string): Promise<void> => {
    while (passed.size < needed && !deadline.passed && !isOver()) {
      try {
        const flaw = await test(host, deadline.remainingMs)
        if (flaw === undefined) {
          passed.add(host)
          return
        }
        flaws.set(host, flaw)
      } catch (error) {
        if (!KmsError.is(error)) throw error
        flaws.set(host, problemOf(host) || error.message)
      }
      await sleep(PAUSE_MS)
    }
  }

  await enough(hosts.map(prove), () => passed.size >= needed)
  if (passed.size >= needed) return passed
  const failed = hosts.filter((host) => !passed.has(host)).map((host) => `${host} (${flaws.get(host)})`)
  throw new KmsError('start_refused', {
    message:
      `Root key ${rootKeyId} must be opened by ${needed} of the ${hosts.length} hosts, and is not by ` +
      `${failed.join(', ')}. ROOT_KEY_MIN_HOSTS says how many a new root key needs.`,
  })
}

/** Resolves when all have ended, or as soon as one ends and it is enough. */
const enough = async (tasks: readonly Promise<void>[], isEnough: () => boolean): Promise<void> => {
  const first = new Promise<void>((resolve, reject) => {
    for (const task of tasks) task.then(() => (isEnough() ? resolve() : undefined), reject)
  })
  await Promise.race([first, Promise.all(tasks)])
}
