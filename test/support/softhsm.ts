import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where something is registered that must be undone: a test, or a file with `after` of node:test. */
export interface Scope {
  readonly after: (undo: () => Promise<void>) => void
}

const LIBRARIES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

const inPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))

const libraryPath = (): string | undefined => LIBRARIES.find((path) => existsSync(path))

const unlessInCi = (reason: string | undefined): string | undefined => {
  if (reason !== undefined && process.env.CI === 'true') throw new Error(reason)
  return reason
}

/** Why suites on a SoftHSM token can't run here; undefined if they can. In CI they must. */
export const missingSoftHsm = (): string | undefined =>
  unlessInCi(
    libraryPath() !== undefined && inPath('softhsm2-util')
      ? undefined
      : 'SoftHSM 2 is not installed: apt-get install softhsm2, or brew install softhsm',
  )

/** The same for suites that need a library which misbehaves. */
export const missingFaultyLibrary = (): string | undefined =>
  missingSoftHsm() ??
  unlessInCi(inPath('cc') ? undefined : 'a C compiler is not installed: apt-get install gcc libc6-dev')

export interface SoftHsmToken {
  readonly label: string
  readonly pin: string
  readonly library: string
  /** What the library reads. */
  readonly environment: NodeJS.ProcessEnv
  /** Pulls the token out. */
  remove(): Promise<void>
  putBack(): Promise<void>
}

/** A fresh token in a folder of its own. Precondition: `missingSoftHsm` is undefined. */
export const softHsmToken = async (scope: Scope): Promise<SoftHsmToken> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-softhsm-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const [tokens, away, configuration] = ['tokens', 'away', 'softhsm2.conf'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  await mkdir(tokens)
  await writeFile(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  const [label, pin] = ['cofre-test', '864209']
  const environment = { ...process.env, SOFTHSM2_CONF: configuration }
  const options = ['--init-token', '--free', '--label', label, '--so-pin', '97531', '--pin', pin]
  await run('softhsm2-util', options, { env: environment })
  return {
    label,
    pin,
    library: libraryPath() ?? '',
    environment,
    remove: () => rename(tokens, away),
    putBack: () => rename(away, tokens),
  }
}

export type CryptokiFunction =
  | 'C_Initialize'
  | 'C_OpenSession'
  | 'C_Login'
  | 'C_FindObjectsInit'
  | 'C_GenerateKey'
  | 'C_GenerateKeyPair'
  | 'C_SetAttributeValue'
  | 'C_DecryptInit'
  | 'C_Decrypt'

export interface FaultyToken extends SoftHsmToken {
  /** The next call of the function never returns. */
  hang(name: CryptokiFunction): Promise<void>
  /** So many calls end the process. */
  crash(name: CryptokiFunction, times?: number): Promise<void>
  /** The next calls, one if nothing else is said, return this CK_RV. */
  fail(name: CryptokiFunction, code: number, times?: number): Promise<void>
  /** The token says that it locks at the next wrong PIN. */
  warnOfFinalTry(): Promise<void>
  /** How many faults are still to be met. */
  pending(): Promise<number>
  /** Takes them back. */
  clear(): Promise<void>
  logins(): Promise<number>
  /** Calls of C_Decrypt. */
  decryptions(): Promise<number>
}

const SOURCE = fileURLToPath(new URL('./softhsm/faulty.c', import.meta.url))

/** A SoftHSM token behind a library that misbehaves when told to. */
export const faultyToken = async (scope: Scope): Promise<FaultyToken> => {
  const token = await softHsmToken(scope)
  const faults = await mkdtemp(join(tmpdir(), 'cofre-faults-'))
  scope.after(() => rm(faults, { recursive: true, force: true }))
  const library = join(faults, 'faulty.so')
  const headers = join(dirname(createRequire(import.meta.url).resolve('pkcs11js/package.json')), 'includes')
  await run('cc', ['-shared', '-fPIC', '-I', headers, '-o', library, SOURCE, '-ldl'])
  const at = (name: string): string => join(faults, name)
  const waiting = async (): Promise<readonly string[]> =>
    (await readdir(faults)).filter((name) => /\.(hang|crash|error)/.test(name))
  for (const name of ['logins', 'decryptions']) await writeFile(at(name), '')
  return {
    ...token,
    library,
    environment: { ...token.environment, COFRE_FAULTS: faults, COFRE_SOFTHSM: token.library },
    hang: (name) => writeFile(at(`${name}.hang.0`), ''),
    crash: async (name, times = 1) => {
      for (let number = 0; number < times; number++) await writeFile(at(`${name}.crash.${number}`), '')
    },
    fail: async (name, code, times = 1) => {
      for (let number = 0; number < times; number++) {
        await writeFile(at(`${name}.error.${number}`), String(code))
      }
    },
    warnOfFinalTry: () => writeFile(at('C_GetTokenInfo.final-try'), ''),
    pending: async () => (await waiting()).length,
    clear: async () => {
      for (const name of await waiting()) await rm(at(name), { force: true })
    },
    logins: async () => (await readFile(at('logins'))).length,
    decryptions: async () => (await readFile(at('decryptions'))).length,
  }
}
