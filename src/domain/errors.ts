import { OwnError } from './own-error.ts'

/**
 * Every way in which the domain refuses or fails, with the one text a caller may read.
 * The set is closed: a new code does not compile until the HTTP table maps it.
 */
const MESSAGES = {
  validation_failed: 'The input is not valid.',
  key_type_unsupported: 'keyType is not supported; expected AES-256.',
  encrypted_key_invalid: 'encryptedKey is not a data key wrapped by this service.',
  root_key_not_found: 'The root key that wraps this encryptedKey is not known here.',
  private_key_not_found: 'No private key is stored for this pub and source.',
  private_key_exists: 'A private key is already stored for this pub and source.',
  integrity_failure:
    'The stored private key could not be opened: its row was altered or its root key is unknown.',
  forbidden: 'This client may not call this operation.',
  hsm_unavailable: 'The HSM did not answer; try again.',
  hsm_busy: 'Too many requests are waiting for the HSM; try again.',
  cipher_busy: 'Too many keys are waiting to be encrypted or decrypted; try again.',
  provider_unavailable: 'The HSM provider that holds this root key is not configured.',
  store_unavailable: 'The store did not answer; try again.',
  store_busy: 'Too many requests are waiting for the store; try again.',
  audit_unavailable: 'The audit log could not be written; nothing was disclosed. Try again.',
  start_refused: 'The service cannot start.',
} as const

export type KmsErrorCode = keyof typeof MESSAGES

export const KMS_ERROR_CODES = Object.keys(MESSAGES) as readonly KmsErrorCode[]

export interface KmsErrorOptions {
  /** Replaces the code's own text. Never key material, never a value that the caller sent. */
  readonly message?: string
  /** What it is about, for the log alone (public values such as pub and source). */
  readonly subject?: Readonly<Record<string, string>>
  /** For the log alone: vendor codes and stacks stay here. */
  readonly cause?: unknown
}

/** The only error that leaves a use case on purpose. `message` may be shown to the caller. */
export class KmsError extends OwnError {
  readonly code: KmsErrorCode
  readonly subject: Readonly<Record<string, string>>

  constructor(code: KmsErrorCode, options: KmsErrorOptions = {}) {
    super(options.message ?? MESSAGES[code], options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'KmsError'
    this.code = code
    this.subject = options.subject ?? {}
  }

  static is(error: unknown, ...codes: readonly KmsErrorCode[]): error is KmsError {
    return error instanceof KmsError && (codes.length === 0 || codes.includes(error.code))
  }
}

/** The text that a code has of its own; the generated documentation lists it. */
export const defaultMessage = (code: KmsErrorCode): string => MESSAGES[code]
