import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import { KmsError } from '../errors.ts'
import {
  newStore,
  type OpenedStore,
  openStore,
  type ProvenRootKey,
  withRootKey,
} from '../integrity/open-integrity-key.ts'
import { authenticatedRootKey, type UnauthenticatedRootKey } from '../integrity/root-key-mac.ts'
import { isAuthenticStore } from '../integrity/store-mac.ts'
import type { Clock, FillRandom } from '../random.ts'
import type { ActiveRootKey } from '../root-key.ts'

export interface StoreContext {
  readonly repository: KeyRepositoryPort
  readonly random: FillRandom
  readonly clock: Clock
}

/**
 * The store's record and integrity key while a start puts both together: opened with a root key that stands, or
 * made with the first one.
 */
export class OpeningStore implements Disposable {
  readonly #context: StoreContext
  #opened: OpenedStore | undefined

  constructor(context: StoreContext) {
    this.#context = context
  }

  get opened(): OpenedStore | undefined {
    return this.#opened
  }

  /** Tries with a root key that was proven, unless it is open already. */
  async openWith(proven: ProvenRootKey): Promise<void> {
    if (this.#opened !== undefined) return
    const record = await this.#context.repository.findStore()
    if (record !== undefined) this.#opened = await openStore(record, proven, this.#context.random)
  }

  /**
   * The record of a new root key, after the integrity key was wrapped under it.
   *
   * @returns undefined if the store's integrity key stands under another pair of that name
   */
  async authenticate(
    candidate: UnauthenticatedRootKey,
    proven: ProvenRootKey,
  ): Promise<ActiveRootKey | undefined> {
    const { repository, random, clock } = this.#context
    await this.openWith(proven)
    if (this.#opened === undefined) {
      const made = await newStore(proven, random, clock())
      const held = await repository.createStore(made.record)
      if (held.mac === made.record.mac) this.#opened = made
      else {
        made.key[Symbol.dispose]()
        made.integrity[Symbol.dispose]()
        this.#opened = await openStore(held, proven, random)
      }
    }
    if (this.#opened === undefined) return undefined
    await this.#wrapUnder(proven)
    return authenticatedRootKey(this.#opened.integrity, candidate)
  }

  /** Of several that add at once each finds the other's addition, and adds its own to it. */
  async #wrapUnder(proven: ProvenRootKey): Promise<void> {
    const { repository } = this.#context
    for (;;) {
      const opened = this.#opened as OpenedStore
      if (opened.record.integrityKeys.some(({ rootKey }) => rootKey === proven.rootKey.id)) return
      const next = withRootKey(opened, proven)
      if (await repository.replaceStore(opened.record, next)) {
        this.#opened = { ...opened, record: next }
        return
      }
      const record = await repository.findStore()
      if (record === undefined) throw new Error('the store has no record any more')
      if (!isAuthenticStore(opened.integrity, record)) {
        throw new KmsError('start_refused', { message: 'The record of this store was altered.' })
      }
      this.#opened = { ...opened, record }
    }
  }

  /** The whole integrity key is needed only until the start is over. */
  [Symbol.dispose](): void {
    this.#opened?.key[Symbol.dispose]()
  }
}
