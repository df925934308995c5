import { readFileSync } from 'node:fs'
import type { Static, TObject } from '@sinclair/typebox'
import { withRedaction } from './redacted.ts'
import { allowedText, parseSetting, type SettingSchema } from './setting.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Reading<T> {
  /** What could be read: all of it where there are no problems. */
  readonly found: Partial<T>
  /** One line for each thing that is wrong, naming the variable. */
  readonly problems: readonly string[]
}

export interface ReadSettingsOptions {
  /** Taken, as if they were set, for variables that are not: they win over the schema's own defaults. */
  readonly defaults?: Environment
  readonly readFile?: (path: string) => string
}

const FILE_SUFFIX = '_FILE'
const MAX_SHOWN = 100

const readTextFile = (path: string): string => readFileSync(path, 'utf8')

const show = (text: string): string =>
  JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text)

/** Why a setting could not be read. */
class SettingProblem extends Error {}

/**
 * Reads every member of a schema from the variable of its name. Nothing is trimmed, nothing is guessed, and an
 * empty value is refused: `MTLS_ALLOWED_CLIENT_FINGERPRINTS=` may not quietly mean "whoever comes".
 */
export const readSettings = <Schema extends TObject>(
  schema: Schema,
  environment: Environment,
  { defaults = {}, readFile = readTextFile }: ReadSettingsOptions = {},
): Reading<Static<Schema>> => {
  const problems: string[] = []
  const settings: Record<string, unknown> = {}
  const required = new Set(schema.required ?? [])
  for (const [name, setting] of Object.entries<SettingSchema>(schema.properties)) {
    try {
      const text = readText(name, setting, environment, readFile) ?? defaults[name]
      const value = text === undefined ? setting.default : parse(name, setting, text)
      if (value !== undefined) settings[name] = value
      else if (required.has(name)) throw new SettingProblem(missing(name, setting))
    } catch (error) {
      if (!(error instanceof SettingProblem)) throw error
      problems.push(error.message)
    }
  }
  return { found: withRedaction(settings, secretNames(schema)) as Partial<Static<Schema>>, problems }
}

/** The variables that a schema's secrets may come in. */
export const secretNames = (schema: TObject): ReadonlySet<string> =>
  new Set(
    Object.entries<SettingSchema>(schema.properties)
      .filter(([, { secret }]) => secret === true)
      .map(([name]) => name),
  )

/** The variables that name the files of a schema's secrets. */
export const secretFileNames = (schema: TObject): readonly string[] =>
  Array.from(secretNames(schema), (name) => name + FILE_SUFFIX)

/** Every variable that is read for a schema. */
export const variableNames = (schema: TObject): readonly string[] => [
  ...Object.keys(schema.properties),
  ...secretFileNames(schema),
]

/** What it says when a required variable is not there. */
export const missing = (name: string, setting: SettingSchema): string => {
  const names = setting.secret === true ? `${name} (or ${name}${FILE_SUFFIX})` : name
  return `${names} is missing: it must be ${allowedText(setting)}`
}

const parse = (name: string, setting: SettingSchema, text: string): unknown => {
  const value = parseSetting(setting, text)
  if (value !== undefined) return value
  const found = setting.secret === true ? 'a value that is not allowed (not shown)' : show(text)
  throw new SettingProblem(`${name} is ${found}: it must be ${allowedText(setting)}`)
}

const readText = (
  name: string,
  setting: SettingSchema,
  environment: Environment,
  readFile: (path: string) => string,
): string | undefined => {
  const text = notEmpty(name, setting, environment[name])
  if (setting.secret !== true) return text
  const fileName = name + FILE_SUFFIX
  const path = notEmpty(fileName, { ...setting, allowed: 'the path of a file' }, environment[fileName])
  if (path === undefined) return text
  if (text !== undefined) throw new SettingProblem(`${name} and ${fileName} are both set: give one of them`)
  return readSecretFile(fileName, path, readFile)
}

const notEmpty = (name: string, setting: SettingSchema, text: string | undefined): string | undefined => {
  if (text !== '') return text
  throw new SettingProblem(`${name} is empty: it must be ${allowedText(setting)}, or not be set at all`)
}

/** The file's text without the line end that editors and `echo` add. */
const readSecretFile = (fileName: string, path: string, readFile: (path: string) => string): string => {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new SettingProblem(`${fileName} is ${show(path)}, which can't be read (${reason})`)
  }
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw new SettingProblem(`${fileName} is ${show(path)}, which is empty`)
  return value
}
