import { isDeepStrictEqual } from 'node:util'
import type { Collection } from 'mongodb'
import { KmsError } from '../../../domain/errors.ts'
import type { KeyIdentity } from '../../../domain/private-key.ts'
import type {
  ListOptions,
  PrivateKeyRow,
  RootKeyCount,
  RowWrapping,
} from '../../../ports/key-repository.port.ts'
import { type Deadline, persist } from './calls.ts'
import type { PrivateKeyDocument } from './documents.ts'
import { isDuplicateKey, isPassing } from './failures.ts'
import { documentOf, idOf, privateKeyRowOf, rootKeyCountOf } from './private-key-documents.ts'
import { check, reading } from './reading.ts'

/** `lost`: whether it is stored, or ever will be, is not known. */
type Attempt = 'stored' | 'taken' | 'lost'

const wrappingOf = (row: RowWrapping): RowWrapping => {
  const { encryptedDataKey, provider, rootKey, version, mac } = row
  return { encryptedDataKey, provider, rootKey, version, mac }
}

const byRootKey = (a: RootKeyCount, b: RootKeyCount): number =>
  Buffer.compare(Buffer.from(`${a.rootKey} ${a.provider}`), Buffer.from(`${b.rootKey} ${b.provider}`))

const rootKeyIdOf = reading([], ({ rootKey }): string => {
  check(typeof rootKey === 'string', 'rootKey')
  return rootKey as string
})

export class PrivateKeys {
  readonly #collection: Collection<PrivateKeyDocument>

  constructor(collection: Collection<PrivateKeyDocument>) {
    this.#collection = collection
  }

  /**
   * The same document is inserted again until what a majority holds says whose row it is. Nobody is told that the
   * row exists unless it does: an identity that is taken on the primary alone may be free again after a failover.
   */
  async insert(row: PrivateKeyRow, deadline: Deadline): Promise<void> {
    const document = documentOf(row)
    for (let wasLost = false; ; await deadline.pause()) {
      const attempt = await this.#tryInsert(document)
      if (attempt === 'stored') return
      wasLost ||= attempt === 'lost'
      const held = await persist(deadline, () => this.#collection.findOne({ _id: document._id }))
      if (held === null) continue
      // An envelope has a salt of its own: equal bytes are this insert's, which was lost on its way back.
      if (wasLost && isDeepStrictEqual(held, document)) return
      const { tenant, pub, source } = document
      throw new KmsError('private_key_exists', { subject: { tenant, pub, source } })
    }
  }

  async find(identity: KeyIdentity, deadline: Deadline): Promise<PrivateKeyRow | undefined> {
    const found = await persist(deadline, () => this.#collection.findOne({ _id: idOf(identity) }))
    return found === null ? undefined : privateKeyRowOf(found)
  }

  /** By `_id`, compared as bytes: every source has the rows of one behind those of the other. */
  async list({ after, limit }: ListOptions, deadline: Deadline): Promise<readonly PrivateKeyRow[]> {
    const filter = after === undefined ? {} : { _id: { $gt: idOf(after) } }
    const found = await persist(deadline, () =>
      this.#collection.find(filter).sort({ _id: 1 }).limit(limit).toArray(),
    )
    return found.map(privateKeyRowOf)
  }

  async replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): Promise<boolean> {
    const { matchedCount } = await this.#collection.updateOne(
      { _id: idOf(identity), ...wrappingOf(expected) },
      { $set: wrappingOf(next) },
    )
    return matchedCount === 1
  }

  async rootKeysInUse(): Promise<readonly string[]> {
    return (await this.#collection.distinct('rootKey')).map((rootKey) => rootKeyIdOf({ rootKey }))
  }

  /** Sorted first, so that the index answers alone. */
  async countByRootKey(): Promise<readonly RootKeyCount[]> {
    const groups = this.#collection.aggregate<{ _id: object; rows: number }>([
      { $sort: { rootKey: 1, provider: 1 } },
      { $group: { _id: { rootKey: '$rootKey', provider: '$provider' }, rows: { $sum: 1 } } },
    ])
    return (await groups.toArray()).map(({ _id, rows }) => rootKeyCountOf({ ..._id, rows })).sort(byRootKey)
  }

  async #tryInsert(document: PrivateKeyDocument): Promise<Attempt> {
    try {
      await this.#collection.insertOne(document)
      return 'stored'
    } catch (error) {
      if (isDuplicateKey(error)) return 'taken'
      if (isPassing(error)) return 'lost'
      throw error
    }
  }
}
