import { readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from '../../domain/caller.ts'
import { KmsError } from '../../domain/errors.ts'
import type { Policy, PolicyCertificate } from '../../domain/policy.ts'
import type { Logger } from '../../ports/logger.port.ts'
import { type ParsedPolicy, PolicyError, parsePolicy } from './parse-policy.ts'

const MAX_BYTES = 4 * 1024 * 1024

/** @throws PolicyError, also for a file that can't be read */
export const readPolicyFile = async (path: string): Promise<ParsedPolicy & { readonly text: string }> => {
  const text = await readText(path)
  return { ...parsePolicy(text), text }
}

const readText = async (path: string): Promise<string> => {
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new PolicyError([`larger than ${MAX_BYTES} bytes`])
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof PolicyError) throw error
    throw new PolicyError([`can't be read (${(error as NodeJS.ErrnoException).code})`])
  }
}

export interface PolicyFileOptions {
  readonly path: string
  readonly logger: Logger
  readonly pollMs?: number
}

/** The policy in force: that of the file, as it last was without a mistake. */
export interface WatchedPolicy {
  /** By the rules in force now: a caller that was made stays as it is. */
  readonly callerFor: (certificate: PolicyCertificate | undefined) => Caller
  readonly current: Policy
  /** Looks at the file now. Never fails: a mistake is logged and the rules stay. */
  reload(): Promise<void>
  close(): Promise<void>
}

const POLL_MS = 1_000

/**
 * Reads the policy and follows its file, by reading it again and comparing the text: whichever way it is changed
 * (in place, replaced, behind a link that points elsewhere), and whatever the file system tells about it.
 *
 * @throws KmsError `start_refused` naming POLICY_FILE, where the file is wrong at the start
 */
export const watchPolicyFile = async ({
  path,
  logger,
  pollMs = POLL_MS,
}: PolicyFileOptions): Promise<WatchedPolicy> => {
  let { text: seen, policy: current } = await readPolicyFile(path).catch((error: unknown) => {
    if (!(error instanceof PolicyError)) throw error
    const message = error.problems.map((problem) => `POLICY_FILE: ${path}: ${problem}`).join('\n')
    throw new KmsError('start_refused', { message })
  })
  /** Said once for each mistake. */
  let complaint = ''

  const look = async (): Promise<void> => {
    try {
      const text = await readText(path)
      if (text !== seen || complaint !== '') {
        const { policy } = parsePolicy(text)
        if (text !== seen) logger.info({ path }, 'policy reloaded')
        seen = text
        current = policy
        complaint = ''
      }
    } catch (error) {
      const { message } = error as Error
      if (message === complaint) return
      complaint = message
      const problems = error instanceof PolicyError ? error.problems : [message]
      logger.error({ path, problems }, 'policy not reloaded: the rules before stay in force')
    }
  }

  const ending = new AbortController()
  let looking = Promise.resolve()
  const reload = (): Promise<void> => {
    // One after the other, so that an older text never comes after a newer one.
    looking = looking.then(look)
    return looking
  }
  const follow = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await sleep(pollMs, undefined, { ref: false, signal: ending.signal }).catch(() => undefined)
      if (!ending.signal.aborted) await reload()
    }
  }
  const following = follow()
  return {
    callerFor: (certificate) => current.callerFor(certificate),
    get current() {
      return current
    },
    reload,
    async close() {
      ending.abort()
      await following
    },
  }
}
