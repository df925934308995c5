import { constants, type KeyObject, privateDecrypt } from 'node:crypto'

/** How the device removes the padding of an enveloped block; MGF1 uses the hash of its OAEP. */
export const PADDINGS = ['oaep-sha256', 'oaep-sha1', 'pkcs1'] as const
export type Padding = (typeof PADDINGS)[number]

const MIN_FILLER_BYTES = 8

/** EME-PKCS1-v1_5 (RFC 8017, 7.2.2): 00 02, at least 8 filler bytes that are not zero, 00, the message. */
const stripType2 = (encoded: Buffer): Buffer | undefined => {
  if (encoded[0] !== 0 || encoded[1] !== 2) return undefined
  const separator = encoded.indexOf(0, 2)
  return separator < 2 + MIN_FILLER_BYTES ? undefined : encoded.subarray(separator + 1)
}

/**
 * The raw operation and a strip of our own: `privateDecrypt` with PKCS#1 v1.5 answers a malformed block with
 * pseudo-random bytes (implicit rejection), and a device that refuses it could not be played.
 */
const openPkcs1 = (key: KeyObject, block: Buffer): Buffer | undefined => {
  const encoded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, block)
  try {
    const message = stripType2(encoded)
    return message === undefined ? undefined : Buffer.from(message)
  } finally {
    encoded.fill(0)
  }
}

const openOaep = (key: KeyObject, block: Buffer, oaepHash: string): Buffer =>
  privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, block)

/**
 * Undoes RSA encryption with the private half.
 *
 * @param block 256 bytes
 * @returns the message, which the caller wipes; `undefined` for a block that does not open
 */
export const unenvelop = (key: KeyObject, block: Buffer, padding: Padding): Buffer | undefined => {
  try {
    return padding === 'pkcs1'
      ? openPkcs1(key, block)
      : openOaep(key, block, padding === 'oaep-sha1' ? 'sha1' : 'sha256')
  } catch {
    return undefined
  }
}
