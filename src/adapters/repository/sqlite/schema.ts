/** Marks a file as Cofre's: "COFR". */
export const APPLICATION_ID = 0x434f4652

/**
 * The statements that lead from each schema version to the next; a file's `user_version` is how many it had.
 * Never change one that was released: add the next. `store` has one row.
 *
 * `private_keys` has the columns of the reference document, types included; DATETIME rules STRICT out, so
 * checks stand in for it. A root key's `number` is the order of the claims. Its states are no closed set here,
 * so that one to come, in which a root key stands beside its provider's current one, needs no new table.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE private_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    pub TEXT NOT NULL,
    source TEXT NOT NULL,
    encryptedPrv TEXT NOT NULL,
    encryptedDataKey TEXT NOT NULL,
    provider TEXT NOT NULL,
    rootKey TEXT NOT NULL,
    coin TEXT NOT NULL,
    type TEXT NOT NULL,
    created_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    version INTEGER NOT NULL,
    mac TEXT NOT NULL,
    UNIQUE (tenant, pub, source),
    CHECK (source IN ('user', 'backup')),
    CHECK (typeof(tenant) = 'text' AND typeof(pub) = 'text' AND typeof(coin) = 'text' AND typeof(type) = 'text'),
    CHECK (typeof(encryptedPrv) = 'text' AND typeof(encryptedDataKey) = 'text'),
    CHECK (typeof(provider) = 'text' AND typeof(rootKey) = 'text'),
    CHECK (typeof(created_at) = 'text' AND typeof(version) = 'integer' AND typeof(mac) = 'text')
  );
  CREATE INDEX private_keys_in_order ON private_keys (tenant, source, pub);
  CREATE INDEX private_keys_by_root_key ON private_keys (rootKey, provider);

  CREATE TABLE root_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL,
    owner TEXT,
    lease_until TEXT,
    place TEXT,
    algorithm TEXT,
    public_key_sha256 TEXT,
    mac TEXT,
    CHECK ((owner IS NOT NULL) = (state = 'claimed')),
    CHECK ((lease_until IS NOT NULL) = (state = 'claimed')),
    CHECK ((algorithm IS NULL) = (state = 'claimed')),
    CHECK ((public_key_sha256 IS NULL) = (state = 'claimed')),
    CHECK ((mac IS NULL) = (state = 'claimed'))
  ) STRICT;
  CREATE UNIQUE INDEX root_keys_one_of_each ON root_keys (provider, scope) WHERE state IN ('claimed', 'active');

  CREATE TABLE store (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    integrity_keys TEXT NOT NULL,
    created_at TEXT NOT NULL,
    mac TEXT NOT NULL
  ) STRICT;

  CREATE TABLE audit_heads (
    instance TEXT NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    saved_at TEXT NOT NULL
  ) STRICT;
  `,
]

export const SCHEMA_VERSION = MIGRATIONS.length
