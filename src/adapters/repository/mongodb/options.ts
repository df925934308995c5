import type { MongoClientOptions } from 'mongodb'
import type { Logger } from '../../../ports/logger.port.ts'

export interface MongoOptions {
  /** `mongodb://` or `mongodb+srv://`: hosts, credentials, TLS and the database's name, `cofre` where it has none. */
  readonly url: string
  readonly logger: Logger
  /** Milliseconds that a call may take. The default outlasts the election of a new primary, as a rule. */
  readonly deadlineMs?: number
  /** Connections to each server. */
  readonly maxPoolSize?: number
  /** Calls that may be under way at once, waiting ones included; each may hold a row. */
  readonly maxQueue?: number
}

export const DEADLINE_MS = 15_000
export const MAX_POOL_SIZE = 50
export const MAX_QUEUE = 1_024

const DEFAULT_DATABASE = 'cofre'

/** What a firewall forgets without a word is closed before. */
const MAX_IDLE_MS = 60_000

/** The name in the URL. */
export const databaseNameOf = (url: string): string => {
  const [, name = ''] = /^[a-z+]+:\/\/[^/?]*\/([^?]*)/.exec(url) ?? []
  return decodeURIComponent(name) || DEFAULT_DATABASE
}

/**
 * What may not be chosen in the URL: these take precedence over it. Every wait of the driver ends well before the
 * call's deadline, so that what an unanswered insert led to can still be found out.
 */
export const clientOptions = (deadlineMs: number, maxPoolSize: number): MongoClientOptions => {
  const share = (part: number): number => Math.max(1, Math.floor(deadlineMs * part))
  return {
    appName: 'cofre',
    readPreference: 'primary',
    readConcern: { level: 'majority' },
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: share(1 / 4) },
    // Nothing is sent twice behind our back: what is safe to send again is sent again here.
    retryWrites: false,
    retryReads: true,
    maxPoolSize,
    maxIdleTimeMS: MAX_IDLE_MS,
    serverSelectionTimeoutMS: share(3 / 4),
    connectTimeoutMS: share(1 / 3),
    socketTimeoutMS: share(1 / 3),
    waitQueueTimeoutMS: share(1 / 2),
    ignoreUndefined: true,
  }
}
