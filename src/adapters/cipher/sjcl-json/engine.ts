import type { SecretBytes } from '../../../domain/secret-bytes.ts'

/** What AES-CCM needs beside the data. */
export interface CcmParameters {
  /** 32 bytes, as `deriveKey` gave them. */
  readonly key: SecretBytes
  /** The whole iv of the envelope, 12 to 16 bytes: the engine takes SJCL's nonce from it. */
  readonly iv: Uint8Array
  /** Authenticated, not encrypted; may be empty. */
  readonly context: Uint8Array
}

/** The two primitives under the envelope. What an engine returns as SecretBytes is its caller's to dispose. */
export interface SjclEngine {
  /** PBKDF2 with HMAC-SHA-256, 32 bytes. The password may be disposed when the promise settles. */
  deriveKey(password: SecretBytes, salt: Uint8Array, iterations: number): Promise<SecretBytes>

  /** @returns the ciphertext, as long as the plaintext, and after it the tag of 16 bytes */
  seal(parameters: CcmParameters, plaintext: SecretBytes): Uint8Array

  /**
   * @param sealed at least 16 bytes
   * @returns undefined if the tag does not match; then nothing of what was decrypted is left behind
   */
  open(parameters: CcmParameters, sealed: Uint8Array): SecretBytes | undefined
}
