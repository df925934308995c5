import { createHmac, hash, hkdfSync, timingSafeEqual } from 'node:crypto'
import { SecretBytes } from '../secret-bytes.ts'

export const INTEGRITY_KEY_BYTES = 32
const MAC_BYTES = 32
const EMPTY = Buffer.alloc(0)

/** What each subkey authenticates; also the `info` of its derivation. */
const ROW = 'cofre/row-mac/v1'
const TOKEN = 'cofre/token-mac/v1'
const ROOT_KEY = 'cofre/root-key-mac/v1'
const RECORD = 'cofre/record-mac/v1'
const ANCHOR = 'cofre/anchor/v1'

/** The form of STORE_ANCHOR. */
export const ANCHOR_FORM = /^cofre1-[0-9a-f]{64}$/

/** In constant time. */
export const sameText = (a: string, b: string): boolean =>
  timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))

/** Authenticates one kind of thing, with a subkey of its own. */
export class Authenticator implements Disposable {
  readonly #key: SecretBytes

  constructor(key: SecretBytes) {
    this.#key = key
  }

  /** HMAC-SHA-256: 32 bytes. */
  mac(message: Uint8Array): Buffer {
    return createHmac('sha256', this.#key.bytes).update(message).digest()
  }

  /** The same as 64 lower-case hexadecimal digits, as it is stored. */
  macHex(message: Uint8Array): string {
    return this.mac(message).toString('hex')
  }

  /** In constant time. @param mac anything that somebody may have written there */
  matches(message: Uint8Array, mac: Uint8Array): boolean {
    return mac.length === MAC_BYTES && timingSafeEqual(this.mac(message), mac)
  }

  matchesHex(message: Uint8Array, mac: string): boolean {
    return /^[0-9a-f]{64}$/.test(mac) && this.matches(message, Buffer.from(mac, 'hex'))
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/**
 * Says who wrote what stands in the store: neither a client nor whoever can write the database has it. Only its
 * subkeys (HKDF-SHA-256, empty salt) are kept, for the life of the process. Whoever learns it can pretend that this
 * service wrote something, and reads nothing.
 */
export class IntegrityKey implements Disposable {
  readonly rows: Authenticator
  readonly tokens: Authenticator
  readonly rootKeys: Authenticator
  readonly records: Authenticator
  readonly #anchor: SecretBytes

  /** @param key 32 bytes; the caller stays its owner and disposes of it */
  constructor(key: SecretBytes) {
    const subkey = (info: string): SecretBytes =>
      SecretBytes.take(new Uint8Array(hkdfSync('sha256', key.bytes, EMPTY, info, INTEGRITY_KEY_BYTES)))
    this.rows = new Authenticator(subkey(ROW))
    this.tokens = new Authenticator(subkey(TOKEN))
    this.rootKeys = new Authenticator(subkey(ROOT_KEY))
    this.records = new Authenticator(subkey(RECORD))
    this.#anchor = subkey(ANCHOR)
  }

  /** What the operator keeps outside the store, to know it again: nothing secret, and not to be guessed. */
  anchorOf(storeId: string): string {
    using bytes = SecretBytes.fill(ANCHOR.length + storeId.length + this.#anchor.length, (all) => {
      all.write(ANCHOR + storeId, 'latin1')
      all.set(this.#anchor.bytes, ANCHOR.length + storeId.length)
    })
    return `cofre1-${hash('sha256', bytes.bytes, 'hex')}`
  }

  [Symbol.dispose](): void {
    for (const each of [this.rows, this.tokens, this.rootKeys, this.records, this.#anchor]) {
      each[Symbol.dispose]()
    }
  }
}
