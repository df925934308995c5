/** Bounds of one server. Times in ms. */
export interface HttpLimits {
  /** Largest body, in bytes. */
  readonly bodyLimit: number
  /** Requests whose answer is not finished; more are 503 `server_busy`. */
  readonly maxInFlight: number
  /** Open connections; more are closed unanswered. */
  readonly maxConnections: number
  /** From the first byte of a request, or the start of its connection, to the end of its headers. */
  readonly headersTimeout: number
  /** To the end of its body. */
  readonly requestTimeout: number
  /** A connection on which nothing moves, while a request waits for its answer too. */
  readonly connectionTimeout: number
  readonly keepAliveTimeout: number
  readonly maxRequestsPerSocket: number
  /** Request line and headers, in bytes. */
  readonly maxHeaderSize: number
  readonly maxHeadersCount: number
  /** How long a closing server waits for what is in flight. */
  readonly closeGrace: number
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyLimit: 1_048_576,
  maxInFlight: 512,
  maxConnections: 4_096,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionTimeout: 120_000,
  keepAliveTimeout: 5_000,
  maxRequestsPerSocket: 1_000,
  maxHeaderSize: 16_384,
  maxHeadersCount: 64,
  closeGrace: 20_000,
}
