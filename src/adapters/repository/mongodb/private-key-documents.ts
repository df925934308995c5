import { checkDescription, type KeyDescription, type KeyIdentity } from '../../../domain/private-key.ts'
import type { PrivateKeyRow, RootKeyCount } from '../../../ports/key-repository.port.ts'
import type { PrivateKeyDocument } from './documents.ts'
import { check, count, date, reading, text } from './reading.ts'

/** Tenant and source hold no colon, so that no two identities share one; in the order of these, rows are listed. */
export const idOf = ({ tenant, pub, source }: KeyIdentity): string => `${tenant}:${source}:${pub}`

/** Its fields in this order, and no others: a copy that the caller has no part in. */
export const documentOf = (row: PrivateKeyRow): PrivateKeyDocument => ({
  _id: idOf(row),
  tenant: row.tenant,
  pub: row.pub,
  source: row.source,
  encryptedPrv: row.encryptedPrv,
  encryptedDataKey: row.encryptedDataKey,
  provider: row.provider,
  rootKey: row.rootKey,
  coin: row.coin,
  type: row.type,
  created_at: new Date(row.createdAt),
  version: row.version,
  mac: row.mac,
})

export const privateKeyRowOf = reading(['_id'], (found): PrivateKeyRow => {
  const [tenant, pub, source, coin, type] = ['tenant', 'pub', 'source', 'coin', 'type'].map((field) =>
    text(found, field),
  )
  const key = { tenant, pub, source, coin, type } as KeyDescription
  checkDescription(key)
  check(found._id === idOf(key), '_id')
  return {
    ...key,
    encryptedPrv: text(found, 'encryptedPrv'),
    encryptedDataKey: text(found, 'encryptedDataKey'),
    provider: text(found, 'provider'),
    rootKey: text(found, 'rootKey'),
    createdAt: date(found, 'created_at'),
    version: count(found, 'version'),
    mac: text(found, 'mac'),
  }
})

export const rootKeyCountOf = reading(
  ['rootKey', 'provider'],
  (found): RootKeyCount => ({
    rootKey: text(found, 'rootKey'),
    provider: text(found, 'provider'),
    rows: count(found, 'rows'),
  }),
)
