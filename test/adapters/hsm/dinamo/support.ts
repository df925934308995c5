import type { TestContext } from 'node:test'
import { DinamoHsm, type DinamoHsmOptions } from '../../../../src/adapters/hsm/dinamo/dinamo-hsm.ts'
import type { DinamoSessionOptions } from '../../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import type { NamedTarget } from '../../../../src/adapters/hsm/dinamo/targets.ts'
import { systemRandom } from '../../../../src/domain/random.ts'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { publicKeySha256 } from '../../../../src/domain/wrapping.ts'
import type { Logger, LogLine } from '../../../../src/ports/logger.port.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../../src/simulator/simulator.ts'
import { memorySimulatorState, type SimulatorState } from '../../../../src/simulator/state.ts'
import { USER } from '../../../support/simulator.ts'

export type Line = { readonly level: string; readonly fields: Record<string, unknown>; readonly text: string }

/** Keeps what is logged. */
export class RecordedLog implements Logger {
  readonly lines: Line[] = []
  readonly debug: LogLine = this.#at('debug')
  readonly info: LogLine = this.#at('info')
  readonly warn: LogLine = this.#at('warn')
  readonly error: LogLine = this.#at('error')

  errors(): readonly Line[] {
    return this.lines.filter(({ level }) => level === 'error')
  }

  #at(level: string): LogLine {
    return (fields, text) => void this.lines.push({ level, fields: { ...fields }, text })
  }
}

export const targetOf = ({ host, port }: Pick<Simulator, 'host' | 'port'>): NamedTarget => ({
  host,
  port,
  name: `${host}:${port}`,
})

/** Simulators that share one certificate and one object store, and can be killed and brought back. */
export class Devices {
  readonly state: SimulatorState
  readonly #options: Partial<SimulatorOptions>
  readonly #running: Simulator[] = []

  private constructor(state: SimulatorState, options: Partial<SimulatorOptions>) {
    this.state = state
    this.#options = options
  }

  static async start(
    t: TestContext,
    count: number,
    options: Partial<SimulatorOptions> = {},
  ): Promise<Devices> {
    const devices = new Devices(await memorySimulatorState(), options)
    t.after(() => devices.close())
    for (let index = 0; index < count; index++) devices.#running.push(await devices.#start(0))
    return devices
  }

  get all(): readonly Simulator[] {
    return this.#running
  }

  get targets(): readonly NamedTarget[] {
    return this.#running.map(targetOf)
  }

  at(index: number): Simulator {
    const simulator = this.#running[index]
    if (simulator === undefined) throw new Error(`there is no simulator ${index}`)
    return simulator
  }

  async kill(index: number): Promise<void> {
    await this.at(index).close()
  }

  /** On the port it had, with the same objects. */
  async bringBack(index: number, options: Partial<SimulatorOptions> = {}): Promise<void> {
    this.#running[index] = await this.#start(this.at(index).port, options)
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((simulator) => simulator.close()))
  }

  #start(port: number, options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
    return startSimulator({ ...this.state, users: [USER], ...this.#options, ...options, port })
  }
}

export interface OpenOptions extends Partial<Omit<DinamoHsmOptions, 'session'>> {
  readonly session?: Partial<DinamoSessionOptions>
  readonly password?: string
}

/** Over every one of the devices; closed after the test. */
export const openOver = (t: TestContext, devices: Devices, options: OpenOptions = {}): DinamoHsm => {
  const { session, password = USER.password, ...rest } = options
  const credentials = { username: USER.username, password: SecretBytes.fromUtf8(password) }
  const hsm = new DinamoHsm({
    targets: devices.targets,
    session: {
      credentials: () => credentials,
      certificateSha256: [devices.at(0).certificateSha256],
      connectTimeoutMs: 3_000,
      operationTimeoutMs: 5_000,
      rsaTimeoutMs: 60_000,
      allowStaticRsa: false,
      rootKeyExportable: false,
      ...session,
    },
    account: USER.username,
    candidates: ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
    deadlineMs: 8_000,
    maxSessions: 8,
    neededHosts: devices.targets.length,
    logger: new RecordedLog(),
    random: systemRandom,
    ...rest,
  })
  t.after(() => hsm.close())
  return hsm
}

let names = 0
const newName = (): string => `key${names++}`.padEnd(32, 'x')

/** A root key that every device has proven. */
export const makeRootKey = async (hsm: DinamoHsm) => {
  const id = newName()
  const { publicKey } = await hsm.createRootKey({ id, place: await hsm.choosePlace() })
  const reference = { id, algorithm: 'rsa-oaep-sha256', publicKeySha256: publicKeySha256(publicKey) } as const
  await hsm.proveDevices(reference, publicKey, { fresh: true })
  return { reference, publicKey }
}

/** Polls until it holds; fails the test after 30 seconds. */
export const until = async (holds: () => boolean, what: string): Promise<void> => {
  const end = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what} did not happen within 30 seconds`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
