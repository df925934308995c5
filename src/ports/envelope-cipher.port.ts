import type { SecretBytes } from '../domain/secret-bytes.ts'

/** Encrypts a private key with the data key that is its own, into one text. */
export interface EnvelopeCipherPort {
  /** The name of the format in ENVELOPE_FORMAT. */
  readonly format: string

  /** Whether the text is of this format; says nothing about whether it opens. */
  recognizes(envelope: string): boolean

  /**
   * @param context authenticated, not encrypted; the same bytes are needed to decrypt
   * @throws KmsError `validation_failed` for a plaintext that is too long, `cipher_busy` where too much waits
   */
  encrypt(plaintext: SecretBytes, dataKey: SecretBytes, context: Uint8Array): Promise<string>

  /**
   * The caller disposes of the plaintext.
   *
   * @throws KmsError `integrity_failure`, one and the same for every envelope that does not open; `cipher_busy`
   */
  decrypt(envelope: string, dataKey: SecretBytes, context: Uint8Array): Promise<SecretBytes>
}
