import type { Collection } from 'mongodb'
import type { ActiveRootKey, ClaimedRootKey, RootKey } from '../../../domain/root-key.ts'
import { type Deadline, persist } from './calls.ts'
import type { RootKeysDocument } from './documents.ts'
import { isDuplicateKey } from './failures.ts'
import { check, count, reading } from './reading.ts'
import { fieldsOf, rootKeyOf } from './root-key-fields.ts'

const _id = 'root-keys'

interface State {
  /** 0: nothing is stored yet. */
  readonly revision: number
  readonly rootKeys: readonly RootKey[]
}

/** The root keys afterwards; undefined if they stay as they are. */
type Change = (rootKeys: readonly RootKey[]) => readonly RootKey[] | undefined

const stateOf = reading(['_id'], ({ revision, rootKeys }): State => {
  check(Array.isArray(rootKeys), 'rootKeys')
  return { revision: count({ revision }, 'revision'), rootKeys: (rootKeys as object[]).map(rootKeyOf) }
})

const isClaimOf = (held: RootKey, { owner, leaseUntil }: ClaimedRootKey): held is ClaimedRootKey =>
  held.state === 'claimed' && held.owner === owner && held.leaseUntil.getTime() === leaseUntil.getTime()

const heldUnder = (id: string, rootKeys: readonly RootKey[]): RootKey => {
  const held = rootKeys.find((rootKey) => rootKey.id === id)
  if (held === undefined) throw new Error('the root key was never claimed')
  return held
}

const replaced = (rootKeys: readonly RootKey[], next: RootKey): readonly RootKey[] =>
  rootKeys.map((rootKey) => (rootKey.id === next.id ? next : rootKey))

export class RootKeys {
  readonly #collection: Collection<RootKeysDocument>

  constructor(collection: Collection<RootKeysDocument>) {
    this.#collection = collection
  }

  async list(deadline: Deadline): Promise<readonly RootKey[]> {
    return (await persist(deadline, () => this.#read())).rootKeys
  }

  async claim(claim: ClaimedRootKey, deadline: Deadline): Promise<RootKey> {
    const isInItsPlace = ({ provider, scope }: RootKey): boolean =>
      provider === claim.provider && scope === claim.scope
    const rootKeys = await this.#change(deadline, (before) => {
      if (before.some(isInItsPlace)) return undefined
      if (before.some(({ id }) => id === claim.id))
        throw new Error('the root key id belongs to another provider or scope')
      return [...before, claim]
    })
    return rootKeys.find(isInItsPlace) as RootKey
  }

  async renew(
    expected: ClaimedRootKey,
    { owner, leaseUntil }: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>,
    deadline: Deadline,
  ): Promise<RootKey> {
    const rootKeys = await this.#change(deadline, (before) => {
      const held = heldUnder(expected.id, before)
      return isClaimOf(held, expected) ? replaced(before, { ...held, owner, leaseUntil }) : undefined
    })
    return heldUnder(expected.id, rootKeys)
  }

  async activate(rootKey: ActiveRootKey, deadline: Deadline): Promise<RootKey> {
    const rootKeys = await this.#change(deadline, (before) => {
      const held = heldUnder(rootKey.id, before)
      const isClaim = held.state === 'claimed' && held.provider === rootKey.provider
      return isClaim ? replaced(before, rootKey) : undefined
    })
    return heldUnder(rootKey.id, rootKeys)
  }

  /**
   * Until a majority holds the change, or something because of which there is nothing to change. A change whose
   * answer was lost needs no thought: if it was made, it is found there.
   */
  async #change(deadline: Deadline, change: Change): Promise<readonly RootKey[]> {
    for (;;) {
      const after = await persist(deadline, () => this.#tryChange(change))
      if (after !== undefined) return after
      await deadline.pause()
    }
  }

  /** @returns undefined if another change came first */
  async #tryChange(change: Change): Promise<readonly RootKey[] | undefined> {
    const { revision, rootKeys } = await this.#read()
    const next = change(rootKeys)
    if (next === undefined) return rootKeys
    return (await this.#replace(revision, next)) ? structuredClone(next) : undefined
  }

  async #read(): Promise<State> {
    const found = await this.#collection.findOne({ _id })
    return found === null ? { revision: 0, rootKeys: [] } : stateOf(found)
  }

  /** @returns whether that revision was still the last */
  async #replace(revision: number, rootKeys: readonly RootKey[]): Promise<boolean> {
    const next = { revision: revision + 1, rootKeys: rootKeys.map(fieldsOf) }
    if (revision > 0) return (await this.#collection.replaceOne({ _id, revision }, next)).matchedCount === 1
    try {
      await this.#collection.insertOne({ _id, ...next })
      return true
    } catch (error) {
      if (isDuplicateKey(error)) return false
      throw error
    }
  }
}
