import type { Collection, Db } from 'mongodb'
import type { StoreRecord } from '../../../domain/store-record.ts'
import type { AuditHead, PrivateKeyRow } from '../../../ports/key-repository.port.ts'

/** The reference document's field names; `_id` is `tenant:source:pub`, so that no index has to exist first. */
export interface PrivateKeyDocument extends Omit<PrivateKeyRow, 'createdAt'> {
  readonly _id: string
  readonly created_at: Date
}

/** One root key among those of `RootKeysDocument`. */
export interface RootKeyFields {
  readonly id: string
  readonly provider: string
  readonly scope: string
  readonly state: 'claimed' | 'active'
  readonly created_at: Date
  readonly owner?: string
  readonly leaseUntil?: Date
  readonly place?: string
  readonly algorithm?: string
  readonly publicKeySha256?: string
  readonly mac?: string
}

/**
 * All root keys, in the order of their claims, in one document: whatever changes among them changes in one step.
 * Every change counts the revision up, and expects the one before.
 */
export interface RootKeysDocument {
  readonly _id: 'root-keys'
  readonly revision: number
  readonly rootKeys: readonly RootKeyFields[]
}

export interface AuditHeadDocument extends Omit<AuditHead, 'instance'> {
  /** The instance. */
  readonly _id: string
}

/** The store's record. */
export interface StoreDocument extends Omit<StoreRecord, 'createdAt'> {
  readonly _id: 'store'
  readonly created_at: Date
}

export interface SchemaDocument {
  readonly _id: 'cofre'
  readonly version: number
}

/** As it came out of the database: anybody may have written there. */
export type Found = Readonly<Record<string, unknown>>

export interface Collections {
  readonly schema: Collection<SchemaDocument>
  readonly privateKeys: Collection<PrivateKeyDocument>
  readonly rootKeys: Collection<RootKeysDocument>
  readonly auditHeads: Collection<AuditHeadDocument>
  readonly store: Collection<StoreDocument>
}

export const collectionsOf = (database: Db): Collections => ({
  schema: database.collection('schema'),
  privateKeys: database.collection('private_keys'),
  rootKeys: database.collection('root_keys'),
  auditHeads: database.collection('audit_heads'),
  store: database.collection('store'),
})
