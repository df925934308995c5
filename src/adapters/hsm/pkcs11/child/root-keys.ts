import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { type Attributes, type Cryptoki, call, findObjects, type Handle, readAttributes } from './cryptoki.ts'
import { makePair } from './make-pair.ts'
import { originFlaw } from './origin.ts'
import { Refused } from './refusal.ts'
import type { Token } from './token.ts'

/** A root key as it is used: the token unwraps, and what proves it is wrapped here. */
export interface FoundRootKey {
  readonly privateKey: Handle
  /** Its SHA-256 is the one that was asked for. */
  readonly publicKey: KeyObject
}

interface Pair {
  readonly privateKey: Handle
  readonly modulus: Buffer
  readonly spki: Buffer
  /** SHA-256 of the public half: what its CKA_ID has to be. */
  readonly id: Buffer
}

const isTrue = (value: Buffer | undefined): boolean => value?.some((byte) => byte !== 0) ?? false

/** Root keys of a token. Neither labels nor ids are unique there. */
export class RootKeys {
  readonly #token: Token
  readonly #cryptoki: Cryptoki
  /** Handles are good in all sessions of a process; a token's own keys don't come and go. */
  readonly #found = new Map<string, FoundRootKey>()

  constructor(token: Token) {
    this.#token = token
    this.#cryptoki = token.cryptoki
  }

  /**
   * Makes a pair of this label, or takes the one that is there: whoever asks holds the claim on the name, and
   * what lacks its id was left behind by one that died between the two steps.
   *
   * @param mechanism the only one that it may be used with, where the token can be told
   * @throws Refused `keys` if there are two, or one that may leave the token
   */
  async create(
    session: Handle,
    label: string,
    mechanism: number,
  ): Promise<{ readonly created: boolean; readonly spki: Buffer }> {
    const existing = this.#findOne(session, this.#privateKey(label), label)
    const privateKey = existing ?? (await this.#make(session, label, mechanism))
    const pair = this.#read(session, privateKey)
    this.#checkStays(session, privateKey, label)
    this.#setId(session, label, pair)
    return { created: existing === undefined, spki: pair.spki }
  }

  /** @returns SubjectPublicKeyInfo; undefined if there is none of that label and id */
  readPublicKey(session: Handle, label: string, id: Buffer): Buffer | undefined {
    const privateKey = this.#findOne(session, this.#privateKey(label, id), label)
    return privateKey === undefined ? undefined : this.#read(session, privateKey).spki
  }

  /** @returns why it is not as `create` makes it; undefined if it is */
  originFlaw(session: Handle, label: string, id: Buffer): string | undefined {
    const privateKey = this.#findOne(session, this.#privateKey(label, id), label)
    if (privateKey !== undefined) return originFlaw(this.#cryptoki, session, privateKey)
    this.#token.confirmPresence(session)
    return 'the token does not have it'
  }

  /** Looked up once. */
  find(session: Handle, label: string, id: Buffer): FoundRootKey | undefined {
    const name = `${label} ${id.toString('hex')}`
    const known = this.#found.get(name)
    if (known !== undefined) return known
    const privateKey = this.#findOne(session, this.#privateKey(label, id), label)
    if (privateKey === undefined) return undefined
    const pair = this.#read(session, privateKey)
    if (!pair.id.equals(id)) {
      throw new Refused('keys', `the key ${label} has the id of another public half`)
    }
    const publicKey = createPublicKey({ key: pair.spki, format: 'der', type: 'spki' })
    const found = { privateKey, publicKey }
    this.#found.set(name, found)
    return found
  }

  /** What was found before may be gone. */
  forget(): void {
    this.#found.clear()
  }

  /** The private half last: what is left of it is found again. */
  destroy(session: Handle, label: string, id: Buffer): void {
    const privateKey = this.#findOne(session, this.#privateKey(label, id), label)
    if (privateKey === undefined) return
    this.forget()
    const { ck } = this.#cryptoki
    const publicKey = this.#findOne(session, this.#named(ck.CKO_PUBLIC_KEY, label, id), label)
    for (const object of [publicKey, privateKey]) {
      if (object !== undefined) {
        call('C_DestroyObject', () => this.#cryptoki.library.C_DestroyObject(session, object))
      }
    }
  }

  #named(objectClass: number, label: string, id?: Buffer): Attributes {
    const { ck } = this.#cryptoki
    return [
      { type: ck.CKA_CLASS, value: objectClass },
      { type: ck.CKA_TOKEN, value: true },
      { type: ck.CKA_LABEL, value: label },
      ...(id === undefined ? [] : [{ type: ck.CKA_ID, value: id }]),
    ]
  }

  #privateKey(label: string, id?: Buffer): Attributes {
    return this.#named(this.#cryptoki.ck.CKO_PRIVATE_KEY, label, id)
  }

  #findOne(session: Handle, template: Attributes, label: string): Handle | undefined {
    const [first, ...others] = findObjects(this.#cryptoki, session, template, 2)
    if (others.length > 0) {
      throw new Refused('keys', `the token has more than one key ${label}: only one of them can be right`)
    }
    return first
  }

  async #make(session: Handle, label: string, mechanism: number): Promise<Handle> {
    this.#token.confirmPresence(session)
    return await makePair(this.#cryptoki, session, label, mechanism)
  }

  /** Of the private half, which says the same of the public one as that itself. */
  #read(session: Handle, privateKey: Handle): Pair {
    const { ck } = this.#cryptoki
    const [modulus, exponent] = readAttributes(this.#cryptoki, session, privateKey, [
      ck.CKA_MODULUS,
      ck.CKA_PUBLIC_EXPONENT,
    ])
    if (modulus === undefined || exponent === undefined) {
      throw new Refused('keys', 'the token does not give out the public half of a key')
    }
    const [n, e] = [modulus.toString('base64url'), exponent.toString('base64url')]
    const spki = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e } }).export({
      type: 'spki',
      format: 'der',
    })
    return { privateKey, modulus, spki, id: hash('sha256', spki, 'buffer') }
  }

  #checkStays(session: Handle, privateKey: Handle, label: string): void {
    const { ck } = this.#cryptoki
    const [sensitive, extractable] = readAttributes(this.#cryptoki, session, privateKey, [
      ck.CKA_SENSITIVE,
      ck.CKA_EXTRACTABLE,
    ])
    if (!isTrue(sensitive) || isTrue(extractable)) {
      throw new Refused('keys', `the key ${label} may leave the token: it is not taken for a root key`)
    }
  }

  /** On the private half last: with it the pair is complete. */
  #setId(session: Handle, label: string, { privateKey, modulus, id }: Pair): void {
    const { ck, library } = this.#cryptoki
    const [current] = readAttributes(this.#cryptoki, session, privateKey, [ck.CKA_ID])
    if (current?.equals(id)) return
    const publicKeys = findObjects(
      this.#cryptoki,
      session,
      [...this.#named(ck.CKO_PUBLIC_KEY, label), { type: ck.CKA_MODULUS, value: modulus }],
      1,
    )
    for (const object of [...publicKeys, privateKey]) {
      call('C_SetAttributeValue', () =>
        library.C_SetAttributeValue(session, object, [{ type: ck.CKA_ID, value: id }]),
      )
    }
  }
}
