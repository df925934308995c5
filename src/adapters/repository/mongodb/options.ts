import { type DbOptions, type MongoClientOptions, ReadConcern } from 'mongodb'
import type { Logger } from '../../../ports/logger.port.ts'

export interface MongoOptions {
  /** `mongodb://` or `mongodb+srv://`: hosts, credentials, TLS and the database's name, `cofre` where it has none. */
  readonly url: string
  readonly logger: Logger
  /** Whether what is missing in an empty database is made; true. */
  readonly mayCreate?: boolean
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

const partOf = (deadlineMs: number, part: number): number => Math.max(1, Math.floor(deadlineMs * part))

/**
 * What makes a write lasting and a read true. It is the database's, since the client's can be weakened in the URL.
 * Where no majority confirms a write in this time it is looked for, not given up.
 */
export const databaseOptions = (deadlineMs: number): DbOptions => ({
  readPreference: 'primary',
  readConcern: new ReadConcern('majority'),
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: partOf(deadlineMs, 1 / 4) },
})

/**
 * These take precedence over the URL. Every wait of the driver ends well before the call's deadline, so that what
 * an unanswered insert led to can still be found out.
 */
export const clientOptions = (deadlineMs: number, maxPoolSize: number): MongoClientOptions => ({
  appName: 'cofre',
  // Nothing is sent twice behind our back: what is safe to send again is sent again here.
  retryWrites: false,
  retryReads: true,
  maxPoolSize,
  maxIdleTimeMS: MAX_IDLE_MS,
  serverSelectionTimeoutMS: partOf(deadlineMs, 3 / 4),
  connectTimeoutMS: partOf(deadlineMs, 1 / 3),
  socketTimeoutMS: partOf(deadlineMs, 1 / 3),
  waitQueueTimeoutMS: partOf(deadlineMs, 1 / 2),
  ignoreUndefined: true,
})
