/** What this format is called in ENVELOPE_FORMAT. */
export const SJCL_FORMAT = 'sjcl'

/** Members that have one value in every envelope: AES-256 in CCM mode with a tag of 128 bits. */
export const FIXED_MEMBERS = { v: 1, ks: 256, ts: 128, mode: 'ccm', cipher: 'aes' } as const

/** Rounds of PBKDF2-HMAC-SHA-256 in what is written: SJCL's own default. */
export const ITERATIONS = 10_000

/** What is read. The upper bound keeps a hostile row from burning the processor. */
export const MIN_ITERATIONS = 100
export const MAX_ITERATIONS = 100_000

export const KEY_BYTES = 32
export const TAG_BYTES = 16

/** SJCL itself writes 8 bytes, and opens any length. */
export const SALT_BYTES = 16
export const MIN_SALT_BYTES = 8
export const MAX_SALT_BYTES = 64

/** SJCL writes 16 bytes, of which CCM uses the first 13 or 12; with fewer than 12 the nonce would be shorter. */
export const IV_BYTES = 16
export const MIN_IV_BYTES = 12

/** Characters of a whole envelope, written or read. */
export const MAX_ENVELOPE_LENGTH = 2 * 1024 * 1024
