/** A random name of the store, 32 lower-case hexadecimal digits. */
export const STORE_ID = /^[0-9a-f]{32}$/

/** The integrity key, wrapped under one root key. */
export interface WrappedIntegrityKey {
  /** The root key's id. */
  readonly rootKey: string
  /** A token of purpose `integrity`, bound to the store's id. */
  readonly token: string
}

/** What makes a store one of this service's; there is one in each, made by `cofre init`. */
export interface StoreRecord {
  readonly id: string
  /** `open` until the anchor was given out: an interrupted ceremony goes on there. */
  readonly state: 'open' | 'finished'
  readonly integrityKeys: readonly WrappedIntegrityKey[]
  readonly createdAt: Date
  /** HMAC of all of it, 64 lower-case hexadecimal digits. */
  readonly mac: string
}
