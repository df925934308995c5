import { canonicalBytes } from '../canonical-bytes.ts'
import type { StoreRecord } from '../store-record.ts'
import type { IntegrityKey } from './integrity-key.ts'

export type UnauthenticatedStore = Omit<StoreRecord, 'mac'>

const bytesOf = ({ id, state, integrityKeys, createdAt }: UnauthenticatedStore): Buffer =>
  canonicalBytes('cofre/store/v1', {
    ...{ id, state },
    createdAt: createdAt.toISOString(),
    ...Object.fromEntries(integrityKeys.map(({ rootKey, token }) => [`integrityKey.${rootKey}`, token])),
  })

export const authenticatedStore = ({ records }: IntegrityKey, store: UnauthenticatedStore): StoreRecord => ({
  ...store,
  mac: records.macHex(bytesOf(store)),
})

export const isAuthenticStore = ({ records }: IntegrityKey, store: StoreRecord): boolean =>
  records.matchesHex(bytesOf(store), store.mac)
