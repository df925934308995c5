import type { Source } from './private-key.ts'

/** How a data key is wrapped with a root key's public half; MGF1 uses the hash of its OAEP. */
export const WRAPPING_ALGORITHMS = ['rsa-oaep-sha256', 'rsa-oaep-sha1', 'rsa-pkcs1-v15'] as const
export type WrappingAlgorithm = (typeof WRAPPING_ALGORITHMS)[number]

export const isWrappingAlgorithm = (text: string): text is WrappingAlgorithm =>
  (WRAPPING_ALGORITHMS as readonly string[]).includes(text)

/** A root key's id is its name in the HSM: 32 characters of a-z and 0-9. */
export const ROOT_KEY_ID = /^[a-z0-9]{32}$/
export const ROOT_KEY_ID_LENGTH = 32

/** One key, one purpose: what a root key wraps data keys for. Each scope of a provider has a root key of its own. */
export const ROOT_KEY_SCOPES = ['row-user', 'row-backup', 'client'] as const
export type RootKeyScope = (typeof ROOT_KEY_SCOPES)[number]

export const isRootKeyScope = (text: string): text is RootKeyScope =>
  (ROOT_KEY_SCOPES as readonly string[]).includes(text)

/** The scope of the rows of a source. */
export const rowScope = (source: Source): RootKeyScope => `row-${source}`

/** RSA-2048: the length of its modulus and so of everything it wraps, in bytes. */
export const MODULUS_BYTES = 256

/** What an HSM needs to know to find a root key and to unwrap with it. */
export interface RootKeyReference {
  readonly id: string
  readonly algorithm: WrappingAlgorithm
  /** SHA-256 of the public half's SubjectPublicKeyInfo DER, lower-case hex. */
  readonly publicKeySha256: string
}

/**
 * A name claimed in the store before the HSM is asked to make the key. Whoever finds it finishes it, once its
 * owner's lease is over: the claim is what keeps instances that start together, or die in between, at one root
 * key. An owner that was only paused does no harm: the first to activate decides.
 */
export interface ClaimedRootKey {
  readonly state: 'claimed'
  readonly id: string
  readonly provider: string
  readonly scope: RootKeyScope
  readonly createdAt: Date
  /** The instance that is at it: 1 to 64 printable ASCII characters. */
  readonly owner: string
  readonly leaseUntil: Date
  /** The device on which it is made, where there are several: never another one. */
  readonly place?: string
}

/** The key that wraps new data keys of its provider and scope. */
export interface ActiveRootKey extends RootKeyReference {
  readonly state: 'active'
  readonly provider: string
  readonly scope: RootKeyScope
  readonly createdAt: Date
  /** HMAC of all of it, 64 lower-case hexadecimal digits: shows that this service recorded it. */
  readonly mac: string
}

export type RootKey = ClaimedRootKey | ActiveRootKey
