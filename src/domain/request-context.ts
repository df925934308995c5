import type { Caller } from './caller.ts'

/** A client certificate that was accepted. */
export interface ClientCertificate {
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string
  /** Its subject, one line. */
  readonly subject: string
}

/** One request, as far as the use cases and their audit need to know it. */
export interface RequestContext {
  readonly requestId: string
  /** The peer's IP address. */
  readonly address: string
  /** Absent where TLS does not ask for one. */
  readonly client?: ClientCertificate
  readonly caller: Caller
}
