import { KmsError } from '../../../domain/errors.ts'
import { checkDescription, type KeyDescription } from '../../../domain/private-key.ts'
import { isRootKeyScope, isWrappingAlgorithm, ROOT_KEY_ID, type RootKey } from '../../../domain/root-key.ts'
import { STORE_ID, type StoreRecord, type WrappedIntegrityKey } from '../../../domain/store-record.ts'
import type { AuditHead, PrivateKeyRow, RootKeyCount } from '../../../ports/key-repository.port.ts'
import type { FoundRow } from './messages.ts'

const ISO_8601_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const SHA_256 = /^[0-9a-f]{64}$/

/** Why a row cannot be what was written: for the log, with the column and never with the value. */
class NonsenseColumn extends Error {}

const check = (holds: boolean, column: string): void => {
  if (!holds) throw new NonsenseColumn(`column ${column} holds what was never written there`)
}

const text = (row: FoundRow, column: string, pattern = /^/): string => {
  const value = row[column]
  check(typeof value === 'string' && pattern.test(value), column)
  return value as string
}

const date = (row: FoundRow, column: string): Date => {
  const value = new Date(text(row, column, ISO_8601_UTC))
  check(!Number.isNaN(value.getTime()), column)
  return value
}

/** The file gives bigint. */
const count = (row: FoundRow, column: string): number => {
  const value = Number(row[column])
  check(typeof row[column] === 'bigint' && Number.isSafeInteger(value) && value >= 0, column)
  return value
}

/**
 * Anybody may have written to the file: what could not have come from here is one error, whatever it is.
 *
 * @throws KmsError `integrity_failure`
 */
const reading =
  <T>(subject: readonly string[], read: (row: FoundRow) => T) =>
  (row: FoundRow): T => {
    try {
      return read(row)
    } catch (cause) {
      if (!(cause instanceof NonsenseColumn) && !KmsError.is(cause, 'validation_failed')) throw cause
      const named = subject.flatMap((column) => {
        const value = row[column]
        return typeof value === 'string' ? [[column, value] as const] : []
      })
      throw new KmsError('integrity_failure', { subject: Object.fromEntries(named), cause })
    }
  }

export const privateKeyRowOf = reading(['tenant', 'pub', 'source'], (row): PrivateKeyRow => {
  const [tenant, pub, source, coin, type] = ['tenant', 'pub', 'source', 'coin', 'type'].map((column) =>
    text(row, column),
  )
  const key = { tenant, pub, source, coin, type } as KeyDescription
  checkDescription(key)
  return {
    ...key,
    encryptedPrv: text(row, 'encryptedPrv'),
    encryptedDataKey: text(row, 'encryptedDataKey'),
    provider: text(row, 'provider'),
    rootKey: text(row, 'rootKey'),
    createdAt: date(row, 'createdAt'),
    version: count(row, 'version'),
    mac: text(row, 'mac'),
  }
})

export const rootKeyOf = reading(['id', 'provider'], (row): RootKey => {
  const scope = text(row, 'scope')
  if (!isRootKeyScope(scope)) throw new NonsenseColumn('column scope names none')
  const common = {
    scope,
    id: text(row, 'id', ROOT_KEY_ID),
    provider: text(row, 'provider'),
    createdAt: date(row, 'createdAt'),
  }
  const state = text(row, 'state', /^(claimed|active)$/)
  if (state === 'claimed') {
    const lease = { owner: text(row, 'owner'), leaseUntil: date(row, 'leaseUntil') }
    return { state, ...common, ...lease, ...(row.place === null ? {} : { place: text(row, 'place') }) }
  }
  const algorithm = text(row, 'algorithm')
  if (!isWrappingAlgorithm(algorithm)) throw new NonsenseColumn('column algorithm names none')
  const publicKeySha256 = text(row, 'publicKeySha256', SHA_256)
  return { state: 'active', ...common, algorithm, publicKeySha256, mac: text(row, 'mac', SHA_256) }
})

const integrityKeysOf = (row: FoundRow): readonly WrappedIntegrityKey[] => {
  let found: unknown
  try {
    found = JSON.parse(text(row, 'integrityKeys'))
  } catch {
    throw new NonsenseColumn('column integrityKeys is no JSON')
  }
  check(Array.isArray(found), 'integrityKeys')
  return (found as readonly unknown[]).map((each) => {
    const fields = Object(each) as FoundRow
    return { rootKey: text(fields, 'rootKey', ROOT_KEY_ID), token: text(fields, 'token') }
  })
}

export const storeOf = reading(
  ['id'],
  (row): StoreRecord => ({
    id: text(row, 'id', STORE_ID),
    state: text(row, 'state', /^(open|finished)$/) as StoreRecord['state'],
    integrityKeys: integrityKeysOf(row),
    createdAt: date(row, 'createdAt'),
    mac: text(row, 'mac', SHA_256),
  }),
)

export const rootKeyIdOf = reading(['id'], (row): string => text(row, 'id'))

export const rootKeyCountOf = reading(
  ['rootKey', 'provider'],
  (row): RootKeyCount => ({
    rootKey: text(row, 'rootKey'),
    provider: text(row, 'provider'),
    rows: count(row, 'rows'),
  }),
)

export const auditHeadOf = reading(
  ['instance'],
  (row): AuditHead => ({
    instance: text(row, 'instance'),
    sequence: count(row, 'sequence'),
    hash: text(row, 'hash', SHA_256),
    savedAt: date(row, 'savedAt'),
  }),
)
