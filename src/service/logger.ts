import { destination, type Logger, pino } from 'pino'
import { errorFields } from '../domain/error-fields.ts'

export type ServiceLogger = Logger

const STREAMS = { 'standard output': 1, 'standard error': 2 } as const
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024

/**
 * JSON lines, on standard output unless results stand there. They are written beside the event loop, so that a reader that stops reading
 * holds up no request; past a bound lines are dropped. What waits is written when the process exits.
 */
export const openLogger = (
  level: string,
  stream: keyof typeof STREAMS = 'standard output',
): ServiceLogger => {
  const output = destination({
    dest: STREAMS[stream],
    sync: false,
    minLength: 0,
    maxLength: MAX_BUFFERED_BYTES,
  })
  return pino({ level, base: { pid: process.pid }, serializers: { err: errorFields } }, output)
}
