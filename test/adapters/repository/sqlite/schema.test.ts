import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  FIND_PRIVATE_KEY,
  LIST_PRIVATE_KEYS,
  ROOT_KEYS_IN_USE,
} from '../../../../src/adapters/repository/sqlite/statements.ts'
import { rowOf } from '../../../contracts/key-repository/samples.ts'
import { openAt, temporaryPath, withDatabase } from './support.ts'

suite('sqlite: the schema', () => {
  test('has the columns of the reference', async (t) => {
    const path = await temporaryPath(t)
    const row = rowOf()
    await (await openAt(t, path)).insertPrivateKey(row)
    const { createdAt, ...rest } = row
    withDatabase(path, (database) => {
      const found = database.prepare('SELECT * FROM private_keys').all()
      assert.deepEqual(
        found.map((each) => ({ ...each })),
        [{ id: 1, ...rest, created_at: createdAt.toISOString() }],
      )
      const columns = database.prepare("SELECT name, type FROM pragma_table_info('private_keys')").all()
      assert.deepEqual(
        columns.map((column) => Object.values(column).join(' ')),
        [
          ...[
            'id INTEGER',
            'tenant TEXT',
            'pub TEXT',
            'source TEXT',
            'encryptedPrv TEXT',
            'encryptedDataKey TEXT',
          ],
          ...['provider TEXT', 'rootKey TEXT', 'coin TEXT', 'type TEXT', 'created_at DATETIME'],
          ...['version INTEGER', 'mac TEXT'],
        ],
      )
    })
  })

  test('refuses a second row of an identity to everybody', async (t) => {
    const path = await temporaryPath(t)
    await (await openAt(t, path)).insertPrivateKey(rowOf())
    withDatabase(path, (database) => {
      const copy = `INSERT INTO private_keys (tenant, pub, source, encryptedPrv, encryptedDataKey, provider, rootKey, coin, type,
          version, mac) SELECT tenant, pub, source, 'x', 'x', 'x', 'x', 'x', 'x', 1, 'x' FROM private_keys`
      assert.throws(
        () => database.exec(copy),
        /UNIQUE constraint failed: private_keys.tenant, private_keys.pub, private_keys.source/,
      )
    })
  })

  test('dates a row that was inserted without a date so that it can be read', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    withDatabase(path, (database) =>
      database.exec(`
        INSERT INTO private_keys (tenant, pub, source, encryptedPrv, encryptedDataKey, provider, rootKey, coin, type,
          version, mac)
        SELECT tenant, pub, 'backup', encryptedPrv, encryptedDataKey, provider, rootKey, coin, type, version, mac FROM private_keys`),
    )
    const found = await store.findPrivateKey({ tenant: 'default', pub: rowOf().pub, source: 'backup' })
    assert.ok(found && found.createdAt > rowOf().createdAt)
  })

  for (const [what, statement, parameters, plan] of [
    [
      'finds a row',
      FIND_PRIVATE_KEY,
      ['default', 'a', 'user'],
      /^SEARCH private_keys USING INDEX .*\(tenant=\? AND pub=\? AND source=\?\)$/,
    ],
    [
      'lists rows',
      LIST_PRIVATE_KEYS,
      ['default', 'user', 'a', 10],
      /^SEARCH private_keys USING INDEX .*\(\(tenant,source,pub\)>/,
    ],
  ] as const) {
    test(`${what} by an index, and sorts nothing`, async (t) => {
      const path = await temporaryPath(t)
      await openAt(t, path)
      const steps = withDatabase(path, (database) =>
        database.prepare(`EXPLAIN QUERY PLAN ${statement}`).all(...parameters),
      )
      assert.equal(steps.length, 1)
      assert.match(String(steps[0]?.detail), plan)
    })
  }

  test('steps through the index for the root keys in use, and never over all rows', async (t) => {
    const path = await temporaryPath(t)
    await openAt(t, path)
    const steps = withDatabase(path, (database) =>
      database.prepare(`EXPLAIN QUERY PLAN ${ROOT_KEYS_IN_USE}`).all(),
    )
    const onTable = steps
      .map(({ detail }) => String(detail))
      .filter((detail) => detail.includes('private_keys'))
    assert.ok(onTable.length > 0)
    for (const detail of onTable) assert.match(detail, /^SEARCH private_keys USING COVERING INDEX/)
  })
})
