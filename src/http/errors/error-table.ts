import type { KmsErrorCode } from '../../domain/errors.ts'
import type { HttpErrorCode } from './http-error.ts'

export type ErrorCode = KmsErrorCode | HttpErrorCode

interface ErrorEntry {
  readonly status: number
  readonly title: string
  /** Seconds, sent as Retry-After: only where the same request can succeed later. */
  readonly retryAfter?: number
}

/**
 * How an error looks from outside. A row that does not open is 500, never 400 or 404: those would tell a wallet
 * that its key is gone.
 */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorEntry>> = {
  validation_failed: { status: 400, title: 'Invalid input' },
  key_type_unsupported: { status: 400, title: 'Unsupported key type' },
  encrypted_key_invalid: { status: 400, title: 'Invalid encryptedKey' },
  malformed_json: { status: 400, title: 'Malformed JSON' },
  bad_request: { status: 400, title: 'Bad request' },
  unauthenticated: { status: 401, title: 'Client not authenticated' },
  forbidden: { status: 403, title: 'Not allowed' },
  private_key_not_found: { status: 404, title: 'No such private key' },
  root_key_not_found: { status: 404, title: 'No such root key' },
  route_not_found: { status: 404, title: 'No such route' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  request_timeout: { status: 408, title: 'Request timeout' },
  private_key_exists: { status: 409, title: 'Private key already stored' },
  payload_too_large: { status: 413, title: 'Body too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  expectation_failed: { status: 417, title: 'Expectation failed' },
  rate_limited: { status: 429, title: 'Too many requests', retryAfter: 1 },
  headers_too_large: { status: 431, title: 'Headers too large' },
  integrity_failure: { status: 500, title: 'Stored key does not open' },
  internal_error: { status: 500, title: 'Internal error' },
  start_refused: { status: 500, title: 'Not started' },
  hsm_unavailable: { status: 503, title: 'HSM unavailable', retryAfter: 5 },
  hsm_busy: { status: 503, title: 'HSM busy', retryAfter: 1 },
  cipher_busy: { status: 503, title: 'Encryption busy', retryAfter: 1 },
  provider_unavailable: { status: 503, title: 'HSM provider not configured', retryAfter: 60 },
  store_unavailable: { status: 503, title: 'Store unavailable', retryAfter: 5 },
  store_busy: { status: 503, title: 'Store busy', retryAfter: 1 },
  audit_unavailable: { status: 503, title: 'Audit log unavailable', retryAfter: 5 },
  server_busy: { status: 503, title: 'Too many requests in flight', retryAfter: 1 },
}
