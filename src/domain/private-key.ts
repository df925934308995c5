import { KmsError } from './errors.ts'
import type { SecretBytes } from './secret-bytes.ts'

/** Which of a wallet's keys this is. Threshold wallets store the same pub under both. */
export const SOURCES = ['user', 'backup'] as const
export type Source = (typeof SOURCES)[number]

/** Whose keys these are: clients of one tenant share them, and see nothing of another's. */
export const TENANT = /^[A-Za-z0-9._-]{1,64}$/
export const DEFAULT_TENANT = 'default'

/** What a request calls a private key; the tenant is that of whoever asks. */
export interface KeyName {
  /** Public key or other public name, 1 to 1,024 printable ASCII characters. */
  readonly pub: string
  readonly source: Source
}

/** What a private key is found by. */
export interface KeyIdentity extends KeyName {
  /** 1 to 64 characters of A-Z, a-z, 0-9, `.`, `_` and `-`. */
  readonly tenant: string
}

/** All that is public about a private key; every part is bound into its encryption context. */
export interface KeyDescription extends KeyIdentity {
  /** 1 to 64 printable ASCII characters, such as `tbtc`. */
  readonly coin: string
  /** 1 to 64 printable ASCII characters, such as `independent` or `tss`. */
  readonly type: string
}

export const MAX_PUB_LENGTH = 1024
export const MAX_LABEL_LENGTH = 64

const isPrintableAscii = (text: string, max: number): boolean =>
  text.length <= max && /^[\x20-\x7e]+$/.test(text)

const expect = (field: string, holds: boolean, expected: string): void => {
  if (!holds) throw new KmsError('validation_failed', { message: `${field} must be ${expected}.` })
}

/** How extended private keys begin (SLIP-132): one in the place of its public half would be written down everywhere. */
const BEGINS_LIKE_A_PRIVATE_KEY = /^[a-z]prv/i

/** @throws KmsError `validation_failed`, naming the field */
export const checkName = ({ pub, source }: KeyName): void => {
  expect('pub', isPrintableAscii(pub, MAX_PUB_LENGTH), `1 to ${MAX_PUB_LENGTH} printable ASCII characters`)
  expect('pub', !BEGINS_LIKE_A_PRIVATE_KEY.test(pub), 'a public name, not what begins like a private key')
  expect('source', SOURCES.includes(source), `one of ${SOURCES.join(', ')}`)
}

/** @throws KmsError `validation_failed`, naming the field */
export const checkIdentity = ({ tenant, pub, source }: KeyIdentity): void => {
  expect('tenant', TENANT.test(tenant), '1 to 64 characters of A-Z, a-z, 0-9, ., _ and -')
  checkName({ pub, source })
}

/** For the log: whatever stands in a malformed one could be anything. @returns undefined unless it is well-formed */
export const wellFormedIdentity = ({ tenant, pub, source }: KeyIdentity): KeyIdentity | undefined => {
  try {
    checkIdentity({ tenant, pub, source })
    return { tenant, pub, source }
  } catch {
    return undefined
  }
}

/** @throws KmsError `validation_failed` for one that is empty */
export const checkPrivateKey = (prv: SecretBytes): void =>
  expect('prv', prv.length > 0, 'a string that is not empty')

/** @throws KmsError `validation_failed`, naming the field */
export const checkDescription = (key: KeyDescription): void => {
  checkIdentity(key)
  expect(
    'coin',
    isPrintableAscii(key.coin, MAX_LABEL_LENGTH),
    `1 to ${MAX_LABEL_LENGTH} printable ASCII characters`,
  )
  expect(
    'type',
    isPrintableAscii(key.type, MAX_LABEL_LENGTH),
    `1 to ${MAX_LABEL_LENGTH} printable ASCII characters`,
  )
}
