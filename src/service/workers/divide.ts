import { availableParallelism } from 'node:os'
import { join, parse } from 'node:path'
import type { ChosenProvider, Configuration } from '../../config/configuration.ts'
import { secretNames } from '../../config/read-settings.ts'
import { withRedaction } from '../../config/redacted.ts'
import { type ServiceSettings, ServiceSettingsSchema } from '../../config/service-settings.ts'

/** Which of several processes one is: 1 to `count`. It keeps its number when it is started again. */
export interface Part {
  readonly number: number
  readonly count: number
}

const MAX_WORKERS = 64
const SESSIONS = /_MAX_SESSIONS$/

/**
 * How many processes serve. SQLite has one writer at a time, whoever it is, so more processes are of use only where
 * something else is the limit.
 */
export const workerCount = (
  { WORKERS, DATABASE_URL }: ServiceSettings,
  cores = availableParallelism(),
): number => WORKERS ?? (DATABASE_URL.startsWith('mongodb') ? Math.min(cores, MAX_WORKERS) : 1)

/** `audit.log` of worker 2 is `audit.2.log`. */
const auditLogOf = (path: string, { number }: Part): string => {
  const { dir, name, ext } = parse(path)
  return join(dir, `${name}.${number}${ext}`)
}

/** At least one session each, so that a limit below the number of processes is not kept. */
const providerOf = ({ provider, settings }: ChosenProvider, { count }: Part): ChosenProvider => {
  const divided = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      SESSIONS.test(name) && typeof value === 'number' ? Math.max(1, Math.floor(value / count)) : value,
    ]),
  )
  return { provider, settings: withRedaction(divided, secretNames(provider.configuration)) }
}

/** The configuration of one of several processes: its part of what they share, and an audit log of its own. */
export const partOf = (configuration: Configuration, part: Part): Configuration => {
  const { service, providers } = configuration
  const [writer, ...readers] = providers
  const { AUDIT_LOG } = service
  return {
    ...configuration,
    service: withRedaction(
      {
        ...service,
        HEALTH_BIND: 'off',
        ...(AUDIT_LOG === undefined ? {} : { AUDIT_LOG: auditLogOf(AUDIT_LOG, part) }),
      },
      secretNames(ServiceSettingsSchema),
    ),
    providers: [providerOf(writer, part), ...readers.map((reader) => providerOf(reader, part))],
    // The first process has told them.
    warnings: [],
  }
}
