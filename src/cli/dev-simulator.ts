import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { DinamoConfigurationSchema } from '../adapters/hsm/dinamo/configuration.ts'
import { ConfigurationError } from '../config/configuration.ts'
import { type Environment, readSettings } from '../config/read-settings.ts'
import { providerNames } from '../config/service-rules.ts'
import { DEV_DEFAULTS, type ServiceSettings } from '../config/service-settings.ts'
import { KmsError } from '../domain/errors.ts'
import type { Simulator } from '../simulator/simulator.ts'

const OWNER_ONLY = 0o700
const STATE_FILE = 'hsm-simulator.json'
const USERNAME = 'cofre-dev'

const CredentialsSchema = Type.Pick(DinamoConfigurationSchema, ['DINAMO_USERNAME', 'DINAMO_PASSWORD'])

/** 16 characters that the device takes; good for as long as this process lives. */
const newPassword = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('base64url')

/** The HSM of `cofre dev`: in this process, unless DINAMO_HOST names another one. */
export class DevSimulator implements AsyncDisposable {
  readonly #environment: Environment
  #simulator: Simulator | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get isRunning(): boolean {
    return this.#simulator !== undefined
  }

  /**
   * Makes DATA_DIR, and the simulator where it is needed.
   *
   * @returns what the provider `dinamo` has to know to use it
   * @throws KmsError `start_refused` if the folder or the state file can't be used
   */
  async start(service: ServiceSettings): Promise<Environment> {
    const { DATA_DIR: folder = DEV_DEFAULTS.DATA_DIR } = service
    const isWanted = this.#environment.DINAMO_HOST === undefined && providerNames(service).includes('dinamo')
    const credentials = isWanted ? this.#credentials() : undefined
    try {
      await mkdir(folder, { recursive: true, mode: OWNER_ONLY })
      if (credentials === undefined) return {}
      const { host, port, certificateSha256 } = await this.#open(join(folder, STATE_FILE), credentials)
      return { ...credentials, DINAMO_HOST: `${host}:${port}`, DINAMO_CERT_SHA256: certificateSha256 }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'unknown'
      throw new KmsError('start_refused', {
        message: `The HSM simulator does not start in DATA_DIR ${folder}: ${reason}`,
        cause,
      })
    }
  }

  /** As given, or made up. */
  #credentials() {
    const defaults = { DINAMO_USERNAME: USERNAME, DINAMO_PASSWORD: newPassword() }
    const { found, problems } = readSettings(CredentialsSchema, this.#environment, { defaults })
    if (problems.length > 0) throw new ConfigurationError(problems)
    return { ...defaults, ...found }
  }

  async #open(
    statePath: string,
    { DINAMO_USERNAME: username, DINAMO_PASSWORD: password }: Static<typeof CredentialsSchema>,
  ): Promise<Simulator> {
    const [{ openSimulatorState }, { startSimulator }] = await Promise.all([
      import('../simulator/state.ts'),
      import('../simulator/simulator.ts'),
    ])
    const state = await openSimulatorState(statePath)
    this.#simulator = await startSimulator({ ...state, users: [{ username, password }] })
    return this.#simulator
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#simulator?.close()
  }
}
