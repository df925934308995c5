import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { canonicalBytes } from './canonical-bytes.ts'
import { KmsError } from './errors.ts'
import type { IntegrityKey } from './integrity/integrity-key.ts'
import { isWrappingAlgorithm, MODULUS_BYTES, ROOT_KEY_ID, type WrappingAlgorithm } from './root-key.ts'
import { SecretBytes } from './secret-bytes.ts'

/**
 * The token: one line of text, its parts joined by dots.
 *
 *     cofre1.PURPOSE.ROOT_KEY_ID.ALGORITHM.aes-256.BINDING.WRAPPED.CHECK.TAG
 *
 * BINDING (32 bytes), WRAPPED (256), CHECK (32) and TAG (32) are base64url without padding. Both CHECK and TAG are
 * HMAC-SHA-256 over the ASCII text before their dot. CHECK is keyed by HKDF-SHA-256 of the data key: it shows that
 * the HSM opened what was meant. TAG is keyed by the token subkey of the integrity key: it shows that this store's
 * service made the token, and is looked at first, so that nothing else ever reaches an HSM.
 */
const VERSION = 'cofre1'
const DATA_KEY_SPEC = 'aes-256'
const CHECK_KEY_INFO = 'cofre/key-check/v1'
const PART_COUNT = 9

export const DATA_KEY_BYTES = 32
const HASH_BYTES = 32
const EMPTY = Buffer.alloc(0)

/** `row` opens only with its row, `client` only through decryptDataKey, `integrity` only at a start. */
const PURPOSES = ['row', 'client', 'integrity'] as const
export type TokenPurpose = (typeof PURPOSES)[number]
const isPurpose = (text: string | undefined): text is TokenPurpose =>
  (PURPOSES as readonly (string | undefined)[]).includes(text)

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
  /** All of the token before the check: what the check is over. */
  readonly checked: string
  /** 32 bytes. */
  readonly check: Buffer
  /** All of the token before the tag: what the tag is over. */
  readonly tagged: string
  /** 32 bytes. */
  readonly tag: Buffer
}

/** The binding of a row's token. @param context the canonical encryption context */
export const rowBinding = (context: Uint8Array): Buffer => hash('sha256', context, 'buffer')

/** The binding of a client's token. @param owner its name in the policy, empty without one */
export const clientBinding = (tenant: string, owner: string): Buffer =>
  hash('sha256', canonicalBytes('cofre/client/v1', { tenant, owner }), 'buffer')

/** The binding of an integrity key's token. */
export const storeBinding = (storeId: string): Buffer => hash('sha256', storeId, 'buffer')

const checkedText = ({ purpose, rootKeyId, algorithm, binding, wrapped }: WrappedDataKey): string =>
  [
    VERSION,
    purpose,
    rootKeyId,
    algorithm,
    DATA_KEY_SPEC,
    binding.toString('base64url'),
    wrapped.toString('base64url'),
  ].join('.')

const computeCheck = (checked: string, dataKey: SecretBytes): Buffer => {
  using key = SecretBytes.take(
    new Uint8Array(hkdfSync('sha256', dataKey.bytes, EMPTY, CHECK_KEY_INFO, HASH_BYTES)),
  )
  return createHmac('sha256', key.bytes).update(checked, 'latin1').digest()
}

/** The token's text: under 700 ASCII characters. */
export const sealToken = (
  token: WrappedDataKey,
  dataKey: SecretBytes,
  { tokens }: Pick<IntegrityKey, 'tokens'>,
): string => {
  const checked = checkedText(token)
  const tagged = `${checked}.${computeCheck(checked, dataKey).toString('base64url')}`
  return `${tagged}.${tokens.mac(Buffer.from(tagged, 'latin1')).toString('base64url')}`
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
  const [bindingText = '', wrappedText = '', checkText = '', tagText = ''] = encoded
  if (version !== VERSION || spec !== DATA_KEY_SPEC || !ROOT_KEY_ID.test(rootKeyId)) return undefined
  if (!isPurpose(purpose) || !isWrappingAlgorithm(algorithm)) return undefined
  const binding = decode(bindingText, HASH_BYTES)
  const wrapped = decode(wrappedText, MODULUS_BYTES)
  const check = decode(checkText, HASH_BYTES)
  const tag = decode(tagText, HASH_BYTES)
  if (binding === undefined || wrapped === undefined) return undefined
  if (check === undefined || tag === undefined) return undefined
  const tagged = text.slice(0, text.lastIndexOf('.'))
  const checked = tagged.slice(0, tagged.lastIndexOf('.'))
  return { purpose, rootKeyId, algorithm, binding, wrapped, checked, check, tagged, tag }
}

/** Whether this store's service made the token. In constant time. */
export const tagMatches = ({ tagged, tag }: ParsedToken, { tokens }: Pick<IntegrityKey, 'tokens'>): boolean =>
  tokens.matches(Buffer.from(tagged, 'latin1'), tag)

/** Whether this is the data key that was wrapped. In constant time. @param dataKey 32 bytes */
export const checkMatches = ({ checked, check }: ParsedToken, dataKey: SecretBytes): boolean =>
  timingSafeEqual(computeCheck(checked, dataKey), check)

/** In constant time, and against each. */
export const isBoundTo = ({ binding }: ParsedToken, allowed: readonly Buffer[]): boolean =>
  allowed.map((candidate) => timingSafeEqual(binding, candidate)).includes(true)

/** The one refusal of whatever is wrong with a client's token. */
export const tokenRefused = (): KmsError => new KmsError('encrypted_key_invalid')
