import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { KmsError } from './errors.ts'
import { isWrappingAlgorithm, MODULUS_BYTES, ROOT_KEY_ID, type WrappingAlgorithm } from './root-key.ts'
import { SecretBytes } from './secret-bytes.ts'

/**
 * The token: one line of text, its parts joined by dots.
 *
 *     cofre1.PURPOSE.ROOT_KEY_ID.ALGORITHM.aes-256.BINDING.WRAPPED.TAG
 *
 * BINDING (32 bytes), WRAPPED (256) and TAG (32) are base64url without padding. TAG is HMAC-SHA-256 over the
 * ASCII text before its dot, keyed by HKDF-SHA-256 of the data key. It shows that nothing was altered or moved;
 * it does not show who made the token.
 */
const VERSION = 'cofre1'
const DATA_KEY_SPEC = 'aes-256'
const TAG_KEY_INFO = 'cofre/token-tag/v1'
const PART_COUNT = 8

export const DATA_KEY_BYTES = 32
const HASH_BYTES = 32
const EMPTY = Buffer.alloc(0)

/** `row` opens only with its row, `client` only through decryptDataKey. */
export type TokenPurpose = 'row' | 'client'

export interface WrappedDataKey {
  readonly purpose: TokenPurpose
  readonly rootKeyId: string
  readonly algorithm: WrappingAlgorithm
  /** 32 bytes. */
  readonly binding: Buffer
  /** 256 bytes. */
  readonly wrapped: Buffer
}

export interface ParsedToken extends WrappedDataKey {
  /** All of the token before the tag: what the tag is over. */
  readonly tagged: string
  /** 32 bytes. */
  readonly tag: Buffer
}

/** The binding of a row's token. @param context the canonical encryption context */
export const rowBinding = (context: Uint8Array): Buffer => hash('sha256', context, 'buffer')

/** The binding of a client's token. @param owner its name in the policy, empty without one */
export const clientBinding = (owner: string): Buffer => hash('sha256', owner, 'buffer')

const taggedText = ({ purpose, rootKeyId, algorithm, binding, wrapped }: WrappedDataKey): string =>
  [
    VERSION,
    purpose,
    rootKeyId,
    algorithm,
    DATA_KEY_SPEC,
    binding.toString('base64url'),
    wrapped.toString('base64url'),
  ].join('.')

const computeTag = (tagged: string, dataKey: SecretBytes): Buffer => {
  using key = SecretBytes.take(
    new Uint8Array(hkdfSync('sha256', dataKey.bytes, EMPTY, TAG_KEY_INFO, HASH_BYTES)),
  )
  return createHmac('sha256', key.bytes).update(tagged, 'latin1').digest()
}

/** The token's text: under 600 ASCII characters. */
export const sealToken = (token: WrappedDataKey, dataKey: SecretBytes): string => {
  const tagged = taggedText(token)
  return `${tagged}.${computeTag(tagged, dataKey).toString('base64url')}`
}

const decode = (text: string, length: number): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === length && bytes.toString('base64url') === text ? bytes : undefined
}

/** @returns undefined for anything but the one spelling of a token of this version */
export const parseToken = (text: string): ParsedToken | undefined => {
  const parts = text.split('.', PART_COUNT + 1)
  if (parts.length !== PART_COUNT) return undefined
  const [version, purpose, rootKeyId = '', algorithm = '', spec, ...encoded] = parts
  const [bindingText = '', wrappedText = '', tagText = ''] = encoded
  if (version !== VERSION || spec !== DATA_KEY_SPEC || !ROOT_KEY_ID.test(rootKeyId)) return undefined
  if ((purpose !== 'row' && purpose !== 'client') || !isWrappingAlgorithm(algorithm)) return undefined
  const binding = decode(bindingText, HASH_BYTES)
  const wrapped = decode(wrappedText, MODULUS_BYTES)
  const tag = decode(tagText, HASH_BYTES)
  if (binding === undefined || wrapped === undefined || tag === undefined) return undefined
  const tagged = text.slice(0, text.lastIndexOf('.'))
  return { purpose, rootKeyId, algorithm, binding, wrapped, tagged, tag }
}

/** In constant time. @param dataKey 32 bytes */
export const tagMatches = ({ tagged, tag }: ParsedToken, dataKey: SecretBytes): boolean =>
  timingSafeEqual(computeTag(tagged, dataKey), tag)

/** In constant time, and against each. */
export const isBoundTo = ({ binding }: ParsedToken, allowed: readonly Buffer[]): boolean =>
  allowed.map((candidate) => timingSafeEqual(binding, candidate)).includes(true)

/** The one refusal of whatever is wrong with a client's token. */
export const tokenRefused = (): KmsError => new KmsError('encrypted_key_invalid')
