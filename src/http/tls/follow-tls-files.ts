import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../ports/logger.port.ts'
import type { TlsFiles } from './tls-files.ts'

export interface FollowOptions {
  readonly read: () => Promise<TlsFiles>
  /** The digest of what is in force at first. */
  readonly inForce: string
  /** Puts the files in force, or throws and changes nothing. */
  readonly take: (files: TlsFiles) => void
  readonly logger: Logger
  readonly pollMs: number
}

export interface FilesFollower {
  begin(): void
  /** Never fails. */
  lookNow(): Promise<void>
  close(): Promise<void>
}

/**
 * Reads the files again and again, so that it does not matter in which way they are changed: in place, replaced,
 * behind a link that points elsewhere. Certificate and key are two files and never change at once, so whatever is
 * new, or wrong, counts once it is the same at two looks, or where somebody asks for it.
 */
export const followTlsFiles = ({ read, take, logger, pollMs, ...options }: FollowOptions): FilesFollower => {
  let { inForce } = options
  let candidate = inForce
  let complaint = ''
  let told = ''

  const complain = (message: string, hurry: boolean): void => {
    const settled = hurry || message === complaint
    complaint = message
    if (!settled || message === told) return
    told = message
    logger.error({ problems: message.split('\n') }, 'TLS files not reloaded: those before stay in force')
  }
  const look = async (hurry: boolean): Promise<void> => {
    let files: TlsFiles | undefined
    try {
      files = await read()
      const settled = hurry || files.digest === candidate
      candidate = files.digest
      if (files.digest !== inForce) {
        if (!settled) return
        take(files)
        inForce = files.digest
      }
      complaint = ''
      told = ''
    } catch (error) {
      complain((error as Error).message, hurry || files !== undefined)
    } finally {
      files?.key.fill(0)
    }
  }

  let looking = Promise.resolve()
  const enqueue = (hurry: boolean): Promise<void> => {
    // One after the other, so that older files never come after newer ones.
    looking = looking.then(() => look(hurry))
    return looking
  }
  const ending = new AbortController()
  let polling = Promise.resolve()
  const poll = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await sleep(pollMs, undefined, { ref: false, signal: ending.signal }).catch(() => undefined)
      if (!ending.signal.aborted) await enqueue(false)
    }
  }
  return {
    begin() {
      polling = poll()
    },
    lookNow: () => enqueue(true),
    async close() {
      ending.abort()
      await polling
    },
  }
}
