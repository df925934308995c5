/** A login at one device, used by one caller at a time. */
export interface PooledSession {
  /** False once the connection is gone or can't be trusted any more. */
  readonly usable: boolean
  /** Says goodbye to the device. Whoever calls bounds it in time. */
  close(): Promise<void>
  /** At once, without a goodbye. May be called again, and after `close`. */
  destroy(): void
}

/**
 * What an error that a session's maker or user met says about session and host:
 *
 * - `answer`: the HSM answered, and this is its answer. The session stays, the host is well, nothing is retried.
 * - `session`: no trustworthy answer came. The session is destroyed, the host counts a failure, and another
 *   session is tried.
 * - `spent`: this session can do no more, but the host is well. As `session`, without the failure.
 * - `login-refused`: the host refuses the account. It is left alone for long, for fear of a lock-out.
 * - `no-room`: the host admits no more sessions now.
 * - `defect`: none of the HSM's, but of this program. The session is destroyed and the error goes on as it is.
 */
export type FaultKind = 'answer' | 'session' | 'spent' | 'login-refused' | 'no-room' | 'defect'

/** A vendor's view of its own errors, met when a session was opened or when it was used. */
export type Classify = (error: unknown, when: 'opening' | 'use') => FaultKind

/** Too many wait for a session, or one waited too long. */
export class NoSessionFree extends Error {
  constructor(reason: string) {
    super(`no session is free: ${reason}`)
    this.name = 'NoSessionFree'
  }
}

/** The host went out of service while one waited for its session. */
export class HostOutOfService extends Error {
  constructor(reason: string) {
    super(`the host is out of service: ${reason}`)
    this.name = 'HostOutOfService'
  }
}
