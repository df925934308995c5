import type { DatabaseSync } from 'node:sqlite'
import type { FoundRow, Reads, StoreColumns, Writes } from './messages.ts'
import { APPLICATION_ID } from './schema.ts'

/**
 * A text beyond what a string can hold makes the driver tell that there is no row, and a row must never be called
 * missing for what somebody wrote into it: one that is longer than any that is written here is read as NULL.
 */
const MAX_TEXT_BYTES = 32 * 1024 * 1024
const bounded = (column: string, name = column): string =>
  `iif(octet_length(${column}) > ${MAX_TEXT_BYTES}, NULL, ${column}) AS ${name}`

const TEXTS = ['encryptedPrv', 'encryptedDataKey', 'provider', 'rootKey', 'coin', 'type', 'mac']
const PRIVATE_KEY = `tenant, pub, source, ${TEXTS.map((column) => bounded(column)).join(', ')},
  ${bounded('created_at', 'createdAt')}, version`

const ROOT_KEY = `id, provider, scope, state, created_at AS createdAt, owner, lease_until AS leaseUntil, place,
  algorithm, public_key_sha256 AS publicKeySha256, mac`

export const FIND_PRIVATE_KEY = `SELECT ${PRIVATE_KEY} FROM private_keys WHERE tenant = ? AND pub = ? AND source = ?`

/** The empty text comes before every tenant. */
export const LIST_PRIVATE_KEYS = `
  SELECT ${PRIVATE_KEY} FROM private_keys WHERE (tenant, source, pub) > (?, ?, ?)
    ORDER BY tenant, source, pub LIMIT ?`

/** Steps from one distinct value to the next in the index, however many rows share it. */
export const ROOT_KEYS_IN_USE = `
  WITH RECURSIVE used (id) AS (
    SELECT min(rootKey) FROM private_keys
    UNION ALL
    SELECT (SELECT min(rootKey) FROM private_keys WHERE rootKey > used.id) FROM used WHERE used.id IS NOT NULL
  )
  SELECT id FROM used WHERE id IS NOT NULL`

const COUNT_BY_ROOT_KEY = `
  SELECT rootKey, provider, count(*) AS rows FROM private_keys GROUP BY rootKey, provider ORDER BY rootKey, provider`

const FIND_ROOT_KEY = `SELECT ${ROOT_KEY} FROM root_keys WHERE id = ?`

const FIND_STORE =
  'SELECT id, state, integrity_keys AS integrityKeys, created_at AS createdAt, mac FROM store'

export const prepareReads = (database: DatabaseSync): Reads => {
  const findPrivateKey = database.prepare(FIND_PRIVATE_KEY)
  const listPrivateKeys = database.prepare(LIST_PRIVATE_KEYS)
  const rootKeysInUse = database.prepare(ROOT_KEYS_IN_USE)
  const countByRootKey = database.prepare(COUNT_BY_ROOT_KEY)
  const findRootKey = database.prepare(FIND_ROOT_KEY)
  const listRootKeys = database.prepare(`SELECT ${ROOT_KEY} FROM root_keys ORDER BY number`)
  const findStore = database.prepare(FIND_STORE)
  const listAuditHeads = database.prepare(
    'SELECT instance, sequence, hash, saved_at AS savedAt FROM audit_heads ORDER BY instance',
  )
  return {
    findPrivateKey: ({ tenant, pub, source }) => findPrivateKey.get(tenant, pub, source),
    listPrivateKeys: ({ after, limit }) =>
      listPrivateKeys.all(after?.tenant ?? '', after?.source ?? '', after?.pub ?? '', limit),
    rootKeysInUse: () => rootKeysInUse.all(),
    countByRootKey: () => countByRootKey.all(),
    findRootKey: (id) => findRootKey.get(id),
    listRootKeys: () => listRootKeys.all(),
    listAuditHeads: () => listAuditHeads.all(),
    findStore: () => findStore.get(),
  }
}

const prepareRowWrites = (database: DatabaseSync): Pick<Writes, 'insertPrivateKey' | 'replaceWrapping'> => {
  const insert = database.prepare(`
    INSERT INTO private_keys
      (tenant, pub, source, encryptedPrv, encryptedDataKey, provider, rootKey, coin, type, created_at,
        version, mac)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const replace = database.prepare(`
    UPDATE private_keys SET encryptedDataKey = ?, provider = ?, rootKey = ?, version = ?, mac = ?
      WHERE tenant = ? AND pub = ? AND source = ?
        AND encryptedDataKey = ? AND provider = ? AND rootKey = ? AND version = ? AND mac = ?`)
  return {
    insertPrivateKey: (row) => {
      const { tenant, pub, source, encryptedPrv, encryptedDataKey, provider, rootKey, coin, type } = row
      const { createdAt, version, mac } = row
      insert.run(
        ...[tenant, pub, source, encryptedPrv, encryptedDataKey, provider, rootKey, coin, type],
        ...[createdAt, version, mac],
      )
    },
    replaceWrapping: ({ tenant, pub, source }, expected, next) => {
      const { changes } = replace.run(
        ...[next.encryptedDataKey, next.provider, next.rootKey, next.version, next.mac],
        ...[tenant, pub, source, expected.encryptedDataKey, expected.provider, expected.rootKey],
        ...[expected.version, expected.mac],
      )
      return Number(changes) > 0
    },
  }
}

const prepareRootKeyWrites = (
  database: DatabaseSync,
): Pick<Writes, 'claimRootKey' | 'renewClaim' | 'activateRootKey'> => {
  const claim = database.prepare(`
    INSERT INTO root_keys (id, provider, scope, state, created_at, owner, lease_until, place)
      VALUES (?, ?, ?, 'claimed', ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
  const current = database.prepare(`
    SELECT ${ROOT_KEY} FROM root_keys WHERE provider = ? AND scope = ? AND state IN ('claimed', 'active')`)
  const renew = database.prepare(`
    UPDATE root_keys SET owner = ?, lease_until = ?
      WHERE id = ? AND state = 'claimed' AND owner = ? AND lease_until = ?`)
  const activate = database.prepare(`
    UPDATE root_keys
      SET state = 'active', owner = NULL, lease_until = NULL, algorithm = ?, public_key_sha256 = ?,
        created_at = ?, mac = ?
      WHERE id = ? AND provider = ? AND state = 'claimed'`)
  const find = database.prepare(FIND_ROOT_KEY)
  const held = (id: string): FoundRow | undefined => find.get(id)
  return {
    claimRootKey: ({ id, provider, scope, createdAt, owner, leaseUntil, place }) => {
      claim.run(id, provider, scope, createdAt, owner, leaseUntil, place)
      return current.get(provider, scope)
    },
    renewClaim: (id, expected, next) => {
      renew.run(next.owner, next.leaseUntil, id, expected.owner, expected.leaseUntil)
      return held(id)
    },
    activateRootKey: ({ id, provider, createdAt, algorithm, publicKeySha256, mac }) => {
      activate.run(algorithm, publicKeySha256, createdAt, mac, id, provider)
      return held(id)
    },
  }
}

const prepareStoreWrites = (database: DatabaseSync): Pick<Writes, 'createStore' | 'replaceStore'> => {
  const create = database.prepare(`
    INSERT INTO store (number, id, state, integrity_keys, created_at, mac)
      VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
  const replace = database.prepare(`
    UPDATE store SET id = ?, state = ?, integrity_keys = ?, created_at = ?, mac = ? WHERE mac = ?`)
  const find = database.prepare(FIND_STORE)
  const columns = ({ id, state, integrityKeys, createdAt, mac }: StoreColumns) =>
    [id, state, integrityKeys, createdAt, mac] as const
  return {
    createStore: (record) => {
      create.run(...columns(record))
      return find.get()
    },
    replaceStore: (expectedMac, next) => Number(replace.run(...columns(next), expectedMac).changes) > 0,
  }
}

export const prepareWrites = (database: DatabaseSync): Writes => {
  const saveAuditHead = database.prepare(`
    INSERT INTO audit_heads (instance, sequence, hash, saved_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (instance) DO UPDATE
      SET sequence = excluded.sequence, hash = excluded.hash, saved_at = excluded.saved_at
      WHERE excluded.sequence >= audit_heads.sequence`)
  return {
    ...prepareRowWrites(database),
    ...prepareRootKeyWrites(database),
    ...prepareStoreWrites(database),
    saveAuditHead: ({ instance, sequence, hash, savedAt }) => {
      saveAuditHead.run(instance, sequence, hash, savedAt)
    },
    // Writes the file's first page though the value stays, so that a full disk is noticed.
    ping: () => database.exec(`PRAGMA application_id = ${APPLICATION_ID}`),
  }
}
