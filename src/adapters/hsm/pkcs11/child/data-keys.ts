import { systemRandom } from '../../../../domain/random.ts'
import type { WrappingAlgorithm } from '../../../../domain/root-key.ts'
import { SecretBytes } from '../../../../domain/secret-bytes.ts'
import { opensWhatItWraps } from '../../../../domain/self-test.ts'
import { MASK_BYTES, ownBuffer, wipe } from '../channel/messages.ts'
import { MAY_REFUSE_BLOCK, NO_SUCH_PADDING, NOT_READABLE, REFUSES_BLOCK, STALE } from './answer-codes.ts'
import { type Cryptoki, call, type Handle, readAttributes } from './cryptoki.ts'
import { isOneOf, tagged } from './refusal.ts'
import type { RootKeys } from './root-keys.ts'
import type { Token } from './token.ts'

const DATA_KEY_BYTES = 32
const EMPTY = Buffer.alloc(0)
/** CKZ_DATA_SPECIFIED: of OAEP's label, which is empty. */
const DATA_SPECIFIED = 1

interface RootKeyName {
  readonly label: string
  readonly id: Buffer
}

/** Data keys, made in the token and opened there. */
export class DataKeys {
  readonly #token: Token
  readonly #cryptoki: Cryptoki
  readonly #rootKeys: RootKeys
  #readable = true

  constructor(token: Token, rootKeys: RootKeys) {
    this.#token = token
    this.#cryptoki = token.cryptoki
    this.#rootKeys = rootKeys
  }

  /** The receiver wipes. */
  make(session: Handle): Buffer {
    const key = ownBuffer(DATA_KEY_BYTES)
    if (this.#readable && this.#generate(session, key)) return key
    this.#readable = false
    call('C_GenerateRandom', () => this.#cryptoki.library.C_GenerateRandom(session, key))
    return key
  }

  /**
   * The receiver wipes. Anything but a data key counts only after `prove`.
   *
   * @returns nothing in it for what does not open; undefined if there is no such root key
   */
  async unwrap(
    session: Handle,
    rootKey: RootKeyName,
    algorithm: WrappingAlgorithm,
    block: Buffer,
  ): Promise<Buffer | undefined> {
    const opened = await this.#open(session, rootKey, algorithm, block, MAY_REFUSE_BLOCK)
    if (opened === undefined) this.#token.confirmPresence(session)
    return opened
  }

  /**
   * Has the token open a good block, wrapped here with the root key's public half. That it refuses this one by a
   * clear word is an answer, too: it does not do the padding.
   *
   * @throws the token's error, or Refused: nothing that it said just now counts
   */
  async prove(session: Handle, rootKey: RootKeyName, algorithm: WrappingAlgorithm): Promise<void> {
    this.#token.confirmPresence(session)
    const found = this.#rootKeys.find(session, rootKey.label, rootKey.id)
    if (found === undefined) return
    await opensWhatItWraps(found.publicKey, algorithm, systemRandom, async (wrapped) => {
      const opened = await this.#open(session, rootKey, algorithm, wrapped, REFUSES_BLOCK)
      return SecretBytes.take(opened ?? EMPTY)
    })
  }

  /** @param refusals the codes that are taken for the block's fault */
  async #open(
    session: Handle,
    rootKey: RootKeyName,
    algorithm: WrappingAlgorithm,
    block: Buffer,
    refusals: ReadonlySet<string>,
  ): Promise<Buffer | undefined> {
    const begun = this.#begin(session, rootKey, algorithm)
    if (begun === 'begun') return await this.#finish(session, block, refusals)
    return begun === 'no-such-key' ? undefined : EMPTY
  }

  #begin(
    session: Handle,
    rootKey: RootKeyName,
    algorithm: WrappingAlgorithm,
    mayBeStale = true,
  ): 'begun' | 'no-such-key' | 'no-such-padding' {
    const found = this.#rootKeys.find(session, rootKey.label, rootKey.id)
    if (found === undefined) return 'no-such-key'
    const mechanism = this.#mechanism(algorithm)
    try {
      call('C_DecryptInit', () => this.#cryptoki.library.C_DecryptInit(session, mechanism, found.privateKey))
      return 'begun'
    } catch (error) {
      if (isOneOf(error, NO_SUCH_PADDING)) return 'no-such-padding'
      if (!mayBeStale || !isOneOf(error, STALE)) throw error
      this.#rootKeys.forget()
      return this.#begin(session, rootKey, algorithm, false)
    }
  }

  /** In a thread of the pool: other sessions go on meanwhile. */
  async #finish(session: Handle, block: Buffer, refusals: ReadonlySet<string>): Promise<Buffer> {
    const room = ownBuffer(MASK_BYTES)
    try {
      const opened = await this.#cryptoki.library.C_DecryptAsync(session, block, room)
      const result = ownBuffer(opened.length)
      result.set(opened)
      return result
    } catch (error) {
      if (!isOneOf(error, refusals)) throw tagged('C_Decrypt', error)
      return EMPTY
    } finally {
      // Both stay alive until here: the thread reads the one and writes to the other.
      wipe(room, block)
    }
  }

  #mechanism(algorithm: WrappingAlgorithm) {
    const { ck } = this.#cryptoki
    if (algorithm === 'rsa-pkcs1-v15') return { mechanism: ck.CKM_RSA_PKCS }
    const sha256 = algorithm === 'rsa-oaep-sha256'
    return {
      mechanism: ck.CKM_RSA_PKCS_OAEP,
      parameter: {
        type: ck.CK_PARAMS_RSA_OAEP,
        hashAlg: sha256 ? ck.CKM_SHA256 : ck.CKM_SHA_1,
        mgf: sha256 ? ck.CKG_MGF1_SHA256 : ck.CKG_MGF1_SHA1,
        source: DATA_SPECIFIED,
      },
    }
  }

  /** @returns false if the token can't */
  #generate(session: Handle, into: Buffer): boolean {
    const { ck, library } = this.#cryptoki
    const template = [
      { type: ck.CKA_CLASS, value: ck.CKO_SECRET_KEY },
      { type: ck.CKA_KEY_TYPE, value: ck.CKK_AES },
      { type: ck.CKA_VALUE_LEN, value: DATA_KEY_BYTES },
      { type: ck.CKA_TOKEN, value: false },
      { type: ck.CKA_SENSITIVE, value: false },
      { type: ck.CKA_EXTRACTABLE, value: true },
    ]
    try {
      const key = call('C_GenerateKey', () =>
        library.C_GenerateKey(session, { mechanism: ck.CKM_AES_KEY_GEN }, template),
      )
      try {
        return this.#readValue(session, key, into)
      } finally {
        call('C_DestroyObject', () => library.C_DestroyObject(session, key))
      }
    } catch (error) {
      if (isOneOf(error, NOT_READABLE)) return false
      throw error
    }
  }

  #readValue(session: Handle, key: Handle, into: Buffer): boolean {
    const [value] = readAttributes(this.#cryptoki, session, key, [this.#cryptoki.ck.CKA_VALUE])
    if (value?.length !== DATA_KEY_BYTES) return false
    into.set(value)
    wipe(value)
    return true
  }
}
