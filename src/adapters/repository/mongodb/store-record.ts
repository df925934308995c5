import type { Collection } from 'mongodb'
import { ROOT_KEY_ID } from '../../../domain/root-key.ts'
import { STORE_ID, type StoreRecord } from '../../../domain/store-record.ts'
import { type Deadline, persist } from './calls.ts'
import type { Found, StoreDocument } from './documents.ts'
import { isDuplicateKey } from './failures.ts'
import { check, date, reading, SHA_256, text } from './reading.ts'

const _id = 'store'

const documentOf = ({ id, state, integrityKeys, createdAt, mac }: StoreRecord): StoreDocument => ({
  _id,
  id,
  state,
  integrityKeys: integrityKeys.map(({ rootKey, token }) => ({ rootKey, token })),
  created_at: createdAt,
  mac,
})

const storeOf = reading(['id'], (found): StoreRecord => {
  const { integrityKeys } = found
  check(Array.isArray(integrityKeys), 'integrityKeys')
  return {
    id: text(found, 'id', STORE_ID),
    state: text(found, 'state', /^(open|finished)$/) as StoreRecord['state'],
    integrityKeys: (integrityKeys as readonly unknown[]).map((each) => {
      const fields = Object(each) as Found
      return { rootKey: text(fields, 'rootKey', ROOT_KEY_ID), token: text(fields, 'token') }
    }),
    createdAt: date(found, 'created_at'),
    mac: text(found, 'mac', SHA_256),
  }
})

/** The one record that makes the database a store of this service. */
export class StoreRecords {
  readonly #collection: Collection<StoreDocument>

  constructor(collection: Collection<StoreDocument>) {
    this.#collection = collection
  }

  async find(deadline: Deadline): Promise<StoreRecord | undefined> {
    const found = await persist(deadline, () => this.#collection.findOne({ _id }))
    return found === null ? undefined : storeOf(found)
  }

  /** Until a majority holds one: whose it is, is read. */
  async create(record: StoreRecord, deadline: Deadline): Promise<StoreRecord> {
    for (;;) {
      await persist(deadline, () => this.#tryInsert(record))
      const held = await this.find(deadline)
      if (held !== undefined) return held
      await deadline.pause()
    }
  }

  /** A change whose answer was lost is found to have been made. */
  async replace(expected: StoreRecord, next: StoreRecord, deadline: Deadline): Promise<boolean> {
    const { matchedCount } = await persist(deadline, () =>
      this.#collection.replaceOne({ _id, mac: expected.mac }, documentOf(next)),
    )
    return matchedCount === 1 || (await this.find(deadline))?.mac === next.mac
  }

  async #tryInsert(record: StoreRecord): Promise<void> {
    try {
      await this.#collection.insertOne(documentOf(record))
    } catch (error) {
      if (!isDuplicateKey(error)) throw error
    }
  }
}
