import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TObject } from '@sinclair/typebox'
import { type Environment, secretFileNames } from './read-settings.ts'
import type { ServiceSettings } from './service-settings.ts'

type Found = Partial<ServiceSettings>
type Named = readonly [variable: string, path: string | undefined]

const GROUP = 0o070
const GROUP_READ = 0o040
const OTHERS = 0o007
const WRITE = 0o022
const STICKY = 0o1000

const groups = (): readonly number[] => [process.getgid?.() ?? -1, ...(process.getgroups?.() ?? [])]

/** One that is not there is told by whoever reads it. */
const look = (path: string): Stats | undefined => {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

const modeOf = ({ mode }: Stats): string => `0${(mode & 0o7777).toString(8)}`

/** Its owner alone, or a group that this process belongs to, may read it. */
const isPrivate = ({ mode, gid }: Stats): boolean => {
  if ((mode & OTHERS) !== 0) return false
  return (mode & GROUP) === 0 || ((mode & GROUP) === GROUP_READ && groups().includes(gid))
}

const readableProblem = ([variable, path]: Named): readonly string[] => {
  const found = path === undefined ? undefined : look(path)
  if (found === undefined || isPrivate(found)) return []
  return [
    `${variable}: ${path} holds a secret and has mode ${modeOf(found)}: others may read or write it; chmod 600 (or 440, of a group of the service's own)`,
  ]
}

const writableProblem = ([variable, path]: Named): readonly string[] => {
  const found = path === undefined ? undefined : look(path)
  if (found === undefined || (found.mode & WRITE) === 0) return []
  if (found.isDirectory() && (found.mode & STICKY) !== 0) return []
  return [`${variable}: ${path} has mode ${modeOf(found)}: others than its owner may write it; chmod go-w`]
}

const SQLITE = 'sqlite:'
const sqliteFile = (url = ''): string | undefined =>
  url.startsWith(SQLITE) ? url.slice(SQLITE.length) : undefined

const folderOf = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : dirname(path)

/**
 * Secrets that others may read, and what decides or records where others may write it: refused, except on Windows,
 * which has no modes.
 *
 * @returns one line for each, naming variable, file and mode
 */
export const fileModeProblems = (
  environment: Environment,
  found: Found,
  schemas: readonly TObject[],
): readonly string[] => {
  if (process.platform === 'win32') return []
  const secrets: readonly Named[] = [
    ...schemas.flatMap(secretFileNames).map((name) => [name, environment[name]] as const),
    ['SERVER_TLS_KEY_PATH', found.SERVER_TLS_KEY_PATH],
  ]
  const trusted: readonly Named[] = [
    ['POLICY_FILE', found.POLICY_FILE],
    ['SERVER_TLS_CERT_PATH', found.SERVER_TLS_CERT_PATH],
    ['CLIENT_CA_CERT_PATH', found.CLIENT_CA_CERT_PATH],
    ['MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE', found.MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE],
    ['AUDIT_LOG', folderOf(found.AUDIT_LOG)],
    ['DATABASE_URL', folderOf(sqliteFile(found.DATABASE_URL))],
  ]
  return [...secrets.flatMap(readableProblem), ...trusted.flatMap(writableProblem)]
}
