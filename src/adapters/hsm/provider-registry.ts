import { registerHooks } from 'node:module'
import { extname, isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { KmsError } from '../../domain/errors.ts'
import type { HsmProvider } from '../../ports/hsm-provider.port.ts'

type ProviderModule = { readonly provider: unknown }

interface BuiltIn {
  readonly load: () => Promise<ProviderModule>
  /** Its secret variables, known without loading it. */
  readonly secrets: readonly string[]
}

/** The providers of this repository, each imported only when it is chosen. */
const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  dinamo: { load: () => import('./dinamo/provider.ts'), secrets: ['DINAMO_PASSWORD'] },
  memory: { load: () => import('./memory/provider.ts'), secrets: [] },
  pkcs11: { load: () => import('./pkcs11/provider.ts'), secrets: ['PKCS11_PIN'] },
}

export const BUILT_IN_PROVIDERS: readonly string[] = Object.keys(BUILT_IN)

/** The secret variables of all of them, whichever is chosen. */
export const BUILT_IN_SECRETS: readonly string[] = Object.values(BUILT_IN).flatMap(({ secrets }) => secrets)

const refused = (message: string, cause?: unknown): KmsError =>
  new KmsError('start_refused', { message, cause })

const isPath = (name: string): boolean => isAbsolute(name) || /^\.\.?[/\\]/.test(name)

/** Package names alone, so that a slip in a name is not taken for a file. */
const PACKAGE_NAME = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/

/**
 * Loads a provider: one of this repository by its name, another one by a path (which begins with `.` or `/`) or
 * by the name of a package, both seen from the working folder.
 *
 * @throws KmsError `start_refused` naming the provider, with what to do
 */
export const loadProvider = async (name: string, folder: string = process.cwd()): Promise<HsmProvider> => {
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
  const load = builtIn?.load ?? (() => importFromOutside(name, folder))
  let loaded: ProviderModule
  try {
    loaded = await load()
  } catch (error) {
    if (KmsError.is(error)) throw error
    throw refused(`The HSM provider ${name} can't be loaded: ${reasonOf(error)}`, error)
  }
  return checked(name, loaded.provider)
}

const PORTS = 'cofre/ports'
const OWN_PORTS = new URL(`../../ports/index${extname(import.meta.url)}`, import.meta.url).href

let portsAreShared = false

/**
 * Whatever comes from outside gets the ports of this very program, wherever it is installed: an error or a secret
 * of another copy would be taken for a stranger's. For good, as a provider may import them late.
 */
const sharePorts = (): void => {
  if (portsAreShared) return
  portsAreShared = true
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === PORTS ? { url: OWN_PORTS, shortCircuit: true } : next(specifier, context),
  })
}

const importFromOutside = async (name: string, folder: string): Promise<ProviderModule> => {
  sharePorts()
  if (isPath(name)) return (await import(pathToFileURL(resolve(folder, name)).href)) as ProviderModule
  if (!PACKAGE_NAME.test(name)) throw unknown(name)
  // A file that need not exist: packages are looked up from its folder, as `import` there would do.
  const parentURL = pathToFileURL(resolve(folder, 'package.json')).href
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      next(
        specifier,
        specifier === name && context.parentURL === import.meta.url ? { ...context, parentURL } : context,
      ),
  })
  try {
    return (await import(name)) as ProviderModule
  } catch (error) {
    throw isMissing(error) && (error as Error).message.includes(`'${name}'`) ? unknown(name, error) : error
  } finally {
    hooks.deregister()
  }
}

const isMissing = (error: unknown): boolean =>
  ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException).code ?? '')

const unknown = (name: string, cause?: unknown): KmsError =>
  refused(
    `The HSM provider ${JSON.stringify(name)} is not known: HSM_PROVIDER and HSM_READ_PROVIDERS take ` +
      `${BUILT_IN_PROVIDERS.join(', ')}, the name of an installed package (npm install ${PACKAGE_NAME.test(name) ? name : 'NAME'}), or a path that begins with ./ or /.`,
    cause,
  )

const reasonOf = (error: unknown): string => {
  const [text = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
  return isMissing(error) ? `${text}. Install what is missing with npm install.` : text
}

const checked = (name: string, candidate: unknown): HsmProvider => {
  const provider = candidate as Partial<HsmProvider> | undefined
  const isProvider =
    typeof provider?.name === 'string' &&
    typeof provider.create === 'function' &&
    typeof provider.configuration?.properties === 'object'
  if (!isProvider) {
    throw refused(
      `The HSM provider ${name} exports no \`provider\` with a name, a configuration and create().`,
    )
  }
  return provider as HsmProvider
}
