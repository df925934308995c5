import { OwnError } from '../../domain/own-error.ts'

/**
 * What only HTTP can get wrong; everything else is a KmsError. The set is closed like that of the domain, and
 * no code stands in both.
 */
const MESSAGES = {
  bad_request: 'The request is not valid HTTP.',
  malformed_json: 'The body must be well-formed JSON.',
  unauthenticated: 'A client certificate that this service accepts is required.',
  route_not_found: 'This service has no such route.',
  method_not_allowed: 'This route does not answer that method.',
  request_timeout: 'The request did not arrive in time.',
  payload_too_large: 'The body is larger than this service accepts.',
  unsupported_media_type: 'The body must be application/json in UTF-8.',
  expectation_failed: 'The only Expect header that is met is 100-continue.',
  rate_limited: 'This client asks too often; try again later.',
  headers_too_large: 'The request line and headers are larger than this service accepts.',
  internal_error: 'The service failed; its log has the reason under this requestId.',
  server_busy: 'Too many requests are in flight; try again.',
} as const

export type HttpErrorCode = keyof typeof MESSAGES

export const HTTP_ERROR_CODES = Object.keys(MESSAGES) as readonly HttpErrorCode[]

export interface HttpErrorOptions {
  /** Replaces the code's own text. Never a value that the caller sent. */
  readonly message?: string
  /** Seconds; replaces that of the error table. */
  readonly retryAfter?: number
  /** For the log alone. */
  readonly cause?: unknown
}

export class HttpError extends OwnError {
  readonly code: HttpErrorCode
  readonly retryAfter: number | undefined

  constructor(code: HttpErrorCode, options: HttpErrorOptions = {}) {
    super(options.message ?? MESSAGES[code], options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'HttpError'
    this.code = code
    this.retryAfter = options.retryAfter
  }
}

/** The text that a code has of its own; the generated documentation lists it. */
export const defaultHttpMessage = (code: HttpErrorCode): string => MESSAGES[code]
