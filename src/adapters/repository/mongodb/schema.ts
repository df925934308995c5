import { KmsError } from '../../../domain/errors.ts'
import type { Collections } from './documents.ts'
import { isDuplicateKey } from './failures.ts'

const _id = 'cofre'

/** Of what is written and how; a database of a newer one is not touched. */
export const SCHEMA_VERSION = 1

const refused = (why: string): KmsError =>
  new KmsError('start_refused', { message: `The database of DATABASE_URL ${why}.` })

const storedVersion = async ({ schema }: Collections): Promise<number | undefined> => {
  const found = await schema.findOne({ _id })
  if (found === null) return undefined
  if (!Number.isSafeInteger(found.version) || found.version < 1) throw refused('has no valid schema version')
  return found.version
}

const holdsDocuments = async ({ privateKeys, rootKeys }: Collections): Promise<boolean> =>
  (await privateKeys.findOne({}, { projection: { _id: 1 } })) !== null || (await rootKeys.findOne()) !== null

/** Again and again with the same end: instances may start together, and one may die in between. */
const create = async ({ schema, privateKeys }: Collections): Promise<void> => {
  await privateKeys.createIndex({ rootKey: 1, provider: 1 })
  try {
    await schema.insertOne({ _id, version: SCHEMA_VERSION })
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
  }
}

/**
 * Brings an empty database to the current schema version, if it may.
 *
 * @throws KmsError `start_refused` if the database is newer than this program, another program's, or empty and must
 *   stay so
 */
export const checkSchema = async (collections: Collections, mayCreate: boolean): Promise<void> => {
  let version = await storedVersion(collections)
  if (version === undefined) {
    const used = await holdsDocuments(collections)
    // Another instance may have created it, and stored something, since.
    version = await storedVersion(collections)
    if (version === undefined && used)
      throw refused('holds private keys or root keys that Cofre did not write')
    if (version === undefined) {
      if (!mayCreate) throw refused('was not made by Cofre')
      return await create(collections)
    }
  }
  if (version > SCHEMA_VERSION) {
    const both = `has schema version ${version}, and this program knows versions up to ${SCHEMA_VERSION}`
    throw refused(`${both}: start a newer program`)
  }
}

/** Changes nothing, but is acknowledged only by a primary with a majority behind it. */
export const ping = async ({ schema }: Collections): Promise<void> => {
  const { matchedCount } = await schema.updateOne(
    { _id, version: SCHEMA_VERSION },
    { $set: { version: SCHEMA_VERSION } },
  )
  if (matchedCount === 1) return
  throw new KmsError('store_unavailable', { cause: new Error('the database is not as this program made it') })
}
