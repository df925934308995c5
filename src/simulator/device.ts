import { Credentials, type SimulatorUser } from './credentials.ts'
import { DeviceError, ERROR_CODE } from './device-error.ts'
import type { FaultSource } from './faults.ts'
import type { ObjectStore } from './object-store.ts'
import type { DevicePolicy } from './operations.ts'
import { Session } from './session.ts'
import { Stats } from './stats.ts'
import { PADDINGS, type Padding } from './unenvelop.ts'

export interface DeviceOptions {
  readonly users: readonly SimulatorUser[]
  readonly objects: ObjectStore
  /** What `dataUnenvelop` removes; default `oaep-sha256`. */
  readonly padding?: Padding
  /** The error code for a block that does not open; default 5021. */
  readonly badBlockError?: number
  /** Some devices give the public half of an exportable key alone; default false. */
  readonly exportPublicHalfOnlyIfExportable?: boolean
  /** A connection that is silent for so long is closed; default 300,000. */
  readonly idleTimeoutMs?: number
  /** How long TCP hello and TLS handshake may take together; default 10,000. */
  readonly handshakeTimeoutMs?: number
  /** Logins at the same time; the next one is refused with 5006. Default 256. */
  readonly maxSessions?: number
  /** Temporary keys of one session; the next one is refused with 5006. Default 65,536. */
  readonly maxTemporaryKeys?: number
  readonly faults?: FaultSource
  /** Gets one line for each event; never key material or passwords. Default: nothing is logged. */
  readonly log?: (line: string) => void
}

const expectPositive = (name: string, value: number): number => {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} must be a whole number of at least 1`)
  return value
}

/** What the connections of one simulator share. */
export class Device {
  readonly policy: DevicePolicy
  readonly idleTimeoutMs: number
  readonly handshakeTimeoutMs: number
  readonly faults: FaultSource | undefined
  readonly log: (line: string) => void
  readonly stats = new Stats()
  readonly #credentials: Credentials
  readonly #objects: ObjectStore
  readonly #maxSessions: number
  readonly #maxTemporaryKeys: number
  readonly #sessions = new Set<Session>()

  /** @throws Error naming the option that is wrong */
  constructor(options: DeviceOptions) {
    const { padding = 'oaep-sha256', badBlockError = ERROR_CODE.invalidPayload } = options
    if (!PADDINGS.includes(padding)) throw new Error(`padding must be one of ${PADDINGS.join(', ')}`)
    this.policy = {
      padding,
      badBlockError: expectPositive('badBlockError', badBlockError),
      exportPublicHalfOnlyIfExportable: options.exportPublicHalfOnlyIfExportable ?? false,
    }
    this.idleTimeoutMs = expectPositive('idleTimeoutMs', options.idleTimeoutMs ?? 300_000)
    this.handshakeTimeoutMs = expectPositive('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 10_000)
    this.faults = options.faults
    this.log = options.log ?? (() => {})
    this.#credentials = new Credentials(options.users)
    this.#objects = options.objects
    this.#maxSessions = expectPositive('maxSessions', options.maxSessions ?? 256)
    this.#maxTemporaryKeys = expectPositive('maxTemporaryKeys', options.maxTemporaryKeys ?? 65_536)
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** @throws DeviceError `noSuchUser`, `accessDenied` or `noResources` */
  login(challenge: Buffer, answer: Buffer): Session {
    const user = this.#credentials.verify(challenge, answer)
    if (this.#sessions.size >= this.#maxSessions) throw new DeviceError(ERROR_CODE.noResources)
    const session = new Session(user, this.#objects, this.#maxTemporaryKeys)
    this.#sessions.add(session)
    return session
  }

  logout(session: Session): void {
    this.#sessions.delete(session)
    session.end()
  }
}
