import type { Collection } from 'mongodb'
import type { AuditHead } from '../../../ports/key-repository.port.ts'
import { type Deadline, persist } from './calls.ts'
import type { AuditHeadDocument } from './documents.ts'
import { isDuplicateKey } from './failures.ts'
import { count, date, reading, SHA_256, text } from './reading.ts'

const auditHeadOf = reading(
  ['_id'],
  (found): AuditHead => ({
    instance: text(found, '_id'),
    sequence: count(found, 'sequence'),
    hash: text(found, 'hash', SHA_256),
    savedAt: date(found, 'savedAt'),
  }),
)

export class AuditHeads {
  readonly #collection: Collection<AuditHeadDocument>

  constructor(collection: Collection<AuditHeadDocument>) {
    this.#collection = collection
  }

  /**
   * Where a higher head is kept the filter finds nothing and the insert meets it: a duplicate. So it does where
   * another first head came between the two, which may be lower: the second time it is there to be found.
   */
  async save(head: AuditHead, deadline: Deadline): Promise<void> {
    const attempt = (): Promise<boolean> => persist(deadline, () => this.#trySave(head))
    if (!(await attempt())) await attempt()
  }

  async list(deadline: Deadline): Promise<readonly AuditHead[]> {
    const found = await persist(deadline, () => this.#collection.find().sort({ _id: 1 }).toArray())
    return found.map(auditHeadOf)
  }

  async #trySave({ instance, sequence, hash, savedAt }: AuditHead): Promise<boolean> {
    try {
      await this.#collection.updateOne(
        { _id: instance, sequence: { $lte: sequence } },
        { $set: { sequence, hash, savedAt } },
        { upsert: true },
      )
      return true
    } catch (error) {
      if (isDuplicateKey(error)) return false
      throw error
    }
  }
}
