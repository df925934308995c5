import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/**
 * Settings whose secrets show in no log and no error: neither JSON nor `inspect` prints them. The members
 * themselves are plain values, for the one who has to use them.
 */
export const withRedaction = <T extends object>(settings: T, secrets: ReadonlySet<string>): T => {
  const printable = (): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [name, secrets.has(name) ? REDACTED : value]),
    )
  // On the prototype, so that the object has no member that its schema does not know.
  const prototype = { toJSON: printable, [inspect.custom]: printable }
  return Object.freeze(Object.assign(Object.create(prototype), settings) as T)
}
