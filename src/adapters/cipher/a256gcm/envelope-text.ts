import { KmsError } from '../../../domain/errors.ts'
import { TAG_BYTES } from '../node/aead.ts'

/** What this format is called in ENVELOPE_FORMAT, and in its envelopes. A new version is a new name. */
export const A256GCM_FORMAT = 'a256gcm'

export const NONCE_BYTES = 12

/** Characters of a whole envelope, written or read. */
export const MAX_ENVELOPE_LENGTH = 2 * 1024 * 1024

export interface GcmEnvelope {
  /** 12 bytes. */
  readonly iv: Uint8Array
  /** Ciphertext, then the tag. */
  readonly sealed: Uint8Array
}

/** What every envelope of this format begins with, and none of another. */
export const PREFIX = `{"format":"${A256GCM_FORMAT}",`

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export const serializeGcmEnvelope = ({ iv, sealed }: GcmEnvelope): string =>
  `${PREFIX}"iv":"${base64(iv)}","ct":"${base64(sealed)}"}`

const SPELLING = /^"iv":"([A-Za-z0-9+/]{16})","ct":"([A-Za-z0-9+/]+={0,2})"\}$/

/**
 * Has exactly one spelling: read, write again, compare. Other members, another order and white space are refused.
 *
 * @throws KmsError `integrity_failure` for all that is wrong with the text
 */
export const parseGcmEnvelope = (text: string): GcmEnvelope => {
  const read = text.length <= MAX_ENVELOPE_LENGTH && text.startsWith(PREFIX)
  const [, iv = '', ct = ''] = (read && SPELLING.exec(text.slice(PREFIX.length))) || []
  const envelope = { iv: Buffer.from(iv, 'base64'), sealed: Buffer.from(ct, 'base64') }
  if (envelope.sealed.length < TAG_BYTES || serializeGcmEnvelope(envelope) !== text) {
    throw new KmsError('integrity_failure')
  }
  return envelope
}
