import type { TObject } from '@sinclair/typebox'
import { BUILT_IN_PROVIDERS, loadProvider } from '../src/adapters/hsm/provider-registry.ts'
import { REQUIRED_WITH_AUDIT, REQUIRED_WITH_MTLS } from '../src/config/service-rules.ts'
import { DEV_DEFAULTS, devDatabaseUrl, ServiceSettingsSchema } from '../src/config/service-settings.ts'
import { allowedText, type SettingSchema } from '../src/config/setting.ts'

const HEAD = `# Configuration

Generated from the schemas in \`src/config\` and of the HSM providers; change it there.

Every setting is an environment variable, read once at the start. Whatever is wrong stops the start with a line for
each problem, which names the variable, what was found and what is allowed.

- A variable that holds a secret may be given as \`NAME_FILE\` instead: the path of a file with the value, whose last
  line end is left out. Giving both is an error. The value of a secret is never shown.
- An empty value is an error: to leave a setting out, do not set it.
- Values are taken as they are: spaces around them belong to them. \`true\` and \`false\` are the only truth values,
  numbers are decimal, times are milliseconds.
- A name that is one character away from a variable is taken for a slip and stops the start. An unknown name that
  begins like the variables of the service or of a chosen provider is a warning in the log.
- \`serve\` refuses files with secrets that others may read (mode 600, or 440 and 640 of a group that the service belongs to),
  and a policy, certificates or a folder of the audit log or of SQLite that others may write.
- \`serve\` takes its secrets out of its environment once they are read. What the kernel shows in
  \`/proc/PID/environ\` stays as it was: prefer \`NAME_FILE\`.
`

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``

const codes = (values: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, code(value)]))
const each = (names: readonly string[], text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, text]))

/** What the column of a mode says instead of the schema's default. */
const SPECIAL: Readonly<Record<'dev' | 'serve', Readonly<Record<string, string>>>> = {
  dev: {
    ...codes({ ...DEV_DEFAULTS, DATABASE_URL: devDatabaseUrl(DEV_DEFAULTS.DATA_DIR) }),
    ...each(['DINAMO_HOST', 'DINAMO_USERNAME', 'DINAMO_PASSWORD', 'DINAMO_CERT_SHA256'], 'the simulator'),
    STORE_ANCHOR: 'kept in `DATA_DIR`',
  },
  serve: {
    ...each([...REQUIRED_WITH_AUDIT, 'STORE_ANCHOR'], 'required'),
    ...each(REQUIRED_WITH_MTLS, 'required with `mtls`'),
    POLICY_FILE: 'required, or `POLICY=open`',
    POLICY: 'in place of `POLICY_FILE`',
  },
}

const table = (schema: TObject): string => {
  const required = new Set(schema.required ?? [])
  const valueIn = (mode: 'dev' | 'serve', name: string, { default: fallback }: SettingSchema): string => {
    const special = SPECIAL[mode][name]
    if (special !== undefined) return special
    if (fallback !== undefined) return code(String(fallback))
    return required.has(name) ? 'required' : ''
  }
  const rows = Object.entries<SettingSchema>(schema.properties).map(([name, setting]) =>
    row(
      setting.secret === true ? `${code(name)}, ${code(`${name}_FILE`)}` : code(name),
      valueIn('dev', name, setting),
      valueIn('serve', name, setting),
      allowedText(setting),
      setting.description ?? '',
    ),
  )
  return [
    row('Variable', '`dev`', '`serve`', 'Allowed', 'Meaning'),
    row(...Array(5).fill('---')),
    ...rows,
  ].join('\n')
}

/** The text of docs/configuration.md. */
export const configurationDocument = async (): Promise<string> => {
  const sections = [`## The service\n\n${table(ServiceSettingsSchema)}\n`]
  for (const name of BUILT_IN_PROVIDERS) {
    const { configuration } = await loadProvider(name)
    if (Object.keys(configuration.properties).length === 0) continue
    sections.push(`## HSM provider \`${name}\`\n\n${table(configuration)}\n`)
  }
  return [HEAD, ...sections].join('\n')
}
