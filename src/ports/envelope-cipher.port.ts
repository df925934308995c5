import type { SecretBytes } from '../domain/secret-bytes.ts'

/** Encrypts a private key with the data key that is its own, into one text. */
export interface EnvelopeCipherPort {
  /** The name of the format in ENVELOPE_FORMAT. */
  readonly format: string

  /** @param context authenticated, not encrypted; the same bytes are needed to decrypt */
  encrypt(plaintext: SecretBytes, dataKey: SecretBytes, context: Uint8Array): Promise<string>

  /**
   * The caller disposes of the plaintext.
   *
   * @throws KmsError `integrity_failure`, one and the same for every envelope that does not open
   */
  decrypt(envelope: string, dataKey: SecretBytes, context: Uint8Array): Promise<SecretBytes>
}
