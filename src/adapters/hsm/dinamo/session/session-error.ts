/**
 * How a session failed.
 *
 * - `connect`: no TCP connection, no ack, no TLS
 * - `certificate`: another certificate than the ones allowed; no credential was sent
 * - `login-refused`: the device does not take the user or the password: trying again may lock the user out
 * - `deadline`: the device did not answer in time
 * - `closed`: the connection ended, or had ended before the operation began
 * - `protocol`: bytes that are not the one reply that was asked for
 * - `device`: a well-framed error reply that is the device's or the session's own fault
 */
export type SessionErrorKind =
  | 'connect'
  | 'certificate'
  | 'login-refused'
  | 'deadline'
  | 'closed'
  | 'protocol'
  | 'device'

/** Whatever its kind, its session is destroyed. Holds no key material and no credentials. */
export class SessionError extends Error {
  readonly kind: SessionErrorKind
  /** The vendor's code of an error reply. */
  readonly code: number | undefined

  constructor(kind: SessionErrorKind, message: string, options: { code?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'SessionError'
    this.kind = kind
    this.code = options.code
  }
}
