import { OPERATIONS, type OperationName } from './protocol.ts'

const KEPT_CONNECTIONS = 256

/** One TCP connection. */
export interface ConnectionStats {
  /** Counted from 1 in the order of arrival. */
  readonly id: number
  /** Received inside TLS: an impostor that was found out in time has 0. */
  applicationBytes: number
  loggedIn: boolean
  open: boolean
}

/** Counts since the simulator started; the object is live. */
export interface SimulatorStats {
  readonly connections: number
  readonly logins: number
  readonly refusedLogins: number
  /** Received inside TLS, over all connections. */
  readonly applicationBytes: number
  /** Requests by kind, refused ones too. */
  readonly operations: Readonly<Record<OperationName, number>>
  readonly errorReplies: number
  readonly faults: number
  /** The last 256, oldest first. */
  readonly recent: readonly Readonly<ConnectionStats>[]
}

export class Stats implements SimulatorStats {
  connections = 0
  logins = 0
  refusedLogins = 0
  applicationBytes = 0
  readonly operations = Object.fromEntries(OPERATIONS.map((name) => [name, 0])) as Record<
    OperationName,
    number
  >
  errorReplies = 0
  faults = 0
  readonly recent: ConnectionStats[] = []

  addConnection(): ConnectionStats {
    this.connections += 1
    const connection = { id: this.connections, applicationBytes: 0, loggedIn: false, open: true }
    this.recent.push(connection)
    if (this.recent.length > KEPT_CONNECTIONS) this.recent.shift()
    return connection
  }
}
