import type { TObject } from '@sinclair/typebox'
import { KmsError } from '../domain/errors.ts'
import type { HsmProvider } from '../ports/hsm-provider.port.ts'
import { fileModeProblems } from './file-modes.ts'
import { type Environment, type Reading, readSettings, secretNames, variableNames } from './read-settings.ts'
import { checkService, providerNames } from './service-rules.ts'
import {
  DEV_DEFAULTS,
  devDatabaseUrl,
  type Mode,
  type ServiceSettings,
  ServiceSettingsSchema,
} from './service-settings.ts'
import { findUnknownVariables } from './unknown-variables.ts'

/** A provider and what its own variables say. */
export interface ChosenProvider {
  readonly provider: HsmProvider
  readonly settings: Readonly<Record<string, unknown>>
}

export interface Configuration {
  readonly mode: Mode
  readonly service: ServiceSettings
  /** The first one writes. */
  readonly providers: readonly [ChosenProvider, ...ChosenProvider[]]
  /** What does not stop a start and should be looked at. */
  readonly warnings: readonly string[]
}

/** Everything that is wrong with the environment, one line each. */
export class ConfigurationError extends KmsError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('start_refused', { message: problems.join('\n') })
    this.problems = problems
  }
}

export interface ConfigurationSources {
  readonly environment: Environment
  /** @throws KmsError `start_refused` for a provider that is not known or can't be loaded */
  readonly loadProvider: (name: string) => Promise<HsmProvider>
  /** @throws KmsError `start_refused` naming AUDIT_KEY */
  readonly parseAuditKey: (pem: string) => unknown
  /** Settings of a provider that `dev` brings itself; asked once the service's own settings are right. */
  readonly providerDefaults?: (service: ServiceSettings) => Promise<Environment>
}

const PREFIXES = ['HSM_', 'MTLS_', 'AUDIT_', 'ENVELOPE_', 'TLS_']

const devDefaults = ({ DATA_DIR = DEV_DEFAULTS.DATA_DIR }: Environment): Environment => ({
  ...DEV_DEFAULTS,
  DATABASE_URL: devDatabaseUrl(DATA_DIR),
})

const readService = (mode: Mode, environment: Environment): Reading<ServiceSettings> => {
  const defaults = mode === 'dev' ? devDefaults(environment) : {}
  const { found, problems } = readSettings(ServiceSettingsSchema, environment, { defaults })
  return { found, problems: [...problems, ...checkService(found, mode)] }
}

/**
 * Reads the whole configuration at once, so that everything that is wrong is said at once.
 *
 * @throws ConfigurationError
 */
export const readConfiguration = async (
  mode: Mode,
  { environment, loadProvider, parseAuditKey, providerDefaults }: ConfigurationSources,
): Promise<Configuration> => {
  const service = readService(mode, environment)
  const { AUDIT_KEY: pem } = service.found
  const problems = [
    ...service.problems,
    ...(pem === undefined ? [] : await refusalsOf(() => parseAuditKey(pem))),
  ]
  const loaded = await loadProviders(providerNames(service.found), loadProvider, problems)
  problems.push(...checkNames(loaded))
  const unknown = checkUnknown(environment, loaded)
  problems.push(...unknown.problems)
  // What `dev` brings itself is not begun for a start that will be refused anyway.
  if (providerDefaults !== undefined && problems.length > 0) throw new ConfigurationError(problems)
  const settings = service.found as ServiceSettings
  const defaults = (await providerDefaults?.(settings)) ?? {}
  const providers = loaded.map((provider) => {
    const reading = readSettings(provider.configuration, environment, { defaults })
    problems.push(...reading.problems, ...(provider.check?.(reading.found) ?? []))
    return { provider, settings: reading.found }
  })
  if (mode !== 'dev') problems.push(...fileModeProblems(environment, service.found, schemasOf(loaded)))
  const [writer, ...readers] = providers
  if (writer === undefined || problems.length > 0) throw new ConfigurationError(problems)
  return { mode, service: settings, providers: [writer, ...readers], warnings: unknown.warnings }
}

/** What it refuses to start for. */
const refusalsOf = async (work: () => unknown): Promise<readonly string[]> => {
  try {
    await work()
    return []
  } catch (error) {
    if (!KmsError.is(error, 'start_refused')) throw error
    return [error.message]
  }
}

const loadProviders = async (
  names: readonly string[],
  load: ConfigurationSources['loadProvider'],
  problems: string[],
): Promise<readonly HsmProvider[]> => {
  const providers: HsmProvider[] = []
  for (const name of new Set(names)) {
    if (name === '') continue
    problems.push(...(await refusalsOf(async () => providers.push(await load(name)))))
  }
  return providers
}

/** What is wrapped is found again by its provider's name alone. */
const checkNames = (providers: readonly HsmProvider[]): readonly string[] => {
  const names = providers.map(({ name }) => name)
  return Array.from(
    new Set(names.filter((name, at) => names.indexOf(name) < at)),
    (name) =>
      `HSM_READ_PROVIDERS and HSM_PROVIDER choose two providers that both call themselves ${JSON.stringify(name)}: keys are found by that name, so each must have its own`,
  )
}

const schemasOf = (providers: readonly HsmProvider[]): readonly TObject[] => [
  ServiceSettingsSchema,
  ...providers.map(({ configuration }) => configuration),
]

const checkUnknown = (environment: Environment, providers: readonly HsmProvider[]) => {
  const known = schemasOf(providers).flatMap(variableNames)
  const prefixes = providers.map(({ name }) => `${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_`)
  return findUnknownVariables(environment, known, [...PREFIXES, ...prefixes])
}

/**
 * Takes the secrets out of the environment, so that no child process inherits them and no report prints them.
 * What the kernel shows of the process's first environment stays as it was: `NAME_FILE` avoids that.
 *
 * @param others of providers that are not in use
 */
export const forgetSecrets = (
  environment: NodeJS.ProcessEnv,
  { providers }: Configuration,
  others: readonly string[],
): void => {
  const used = schemasOf(providers.map(({ provider }) => provider))
  for (const name of [...used.flatMap((schema) => [...secretNames(schema)]), ...others]) {
    delete environment[name]
  }
}
