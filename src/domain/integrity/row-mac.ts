import type { PrivateKeyRow } from '../../ports/key-repository.port.ts'
import { canonicalBytes } from '../canonical-bytes.ts'
import type { IntegrityKey } from './integrity-key.ts'

export type UnauthenticatedRow = Omit<PrivateKeyRow, 'mac'>

/** Every column but the MAC itself. */
const bytesOf = (row: UnauthenticatedRow): Buffer => {
  const { tenant, pub, source, coin, type, encryptedPrv, encryptedDataKey, provider, rootKey } = row
  return canonicalBytes('cofre/row/v1', {
    ...{ tenant, pub, source, coin, type, encryptedPrv, encryptedDataKey, provider, rootKey },
    createdAt: row.createdAt.toISOString(),
    version: String(row.version),
  })
}

/** The row with the MAC that shows that this service wrote it, all of it. */
export const authenticatedRow = ({ rows }: IntegrityKey, row: UnauthenticatedRow): PrivateKeyRow => ({
  ...row,
  mac: rows.macHex(bytesOf(row)),
})

export const isAuthenticRow = ({ rows }: IntegrityKey, row: PrivateKeyRow): boolean =>
  rows.matchesHex(bytesOf(row), row.mac)
