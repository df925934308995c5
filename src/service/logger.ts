import { destination, type Logger, pino } from 'pino'
import { errorFields } from '../domain/error-fields.ts'

export type ServiceLogger = Logger

const STANDARD_OUTPUT = 1
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024

/** Lines that come close together share one write: each costs as much as a request's answer. */
const WRITE_BYTES = 4_096
const LONGEST_WAIT_MS = 25

/**
 * JSON lines on standard output. They are written beside the event loop, so that a reader that stops reading
 * holds up no request; past a bound lines are dropped. What waits is written when the process exits; one that
 * is killed loses the lines of its last moment.
 */
export const openLogger = (level: string): ServiceLogger => {
  const output = destination({
    dest: STANDARD_OUTPUT,
    sync: false,
    minLength: WRITE_BYTES,
    periodicFlush: LONGEST_WAIT_MS,
    maxLength: MAX_BUFFERED_BYTES,
  })
  return pino({ level, base: { pid: process.pid }, serializers: { err: errorFields } }, output)
}
