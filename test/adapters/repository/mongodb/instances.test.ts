import assert from 'node:assert/strict'
import { after, suite, type TestContext, test } from 'node:test'
import {
  claimOf,
  numbered,
  rootKeyId,
  rowOf,
  type Store,
  tally,
} from '../../../contracts/key-repository/samples.ts'
import { freshDatabase, mongoForTests } from '../../../support/mongo-server/database.ts'
import { missingMongo } from '../../../support/mongo-server.ts'
import { openStore } from './stores.ts'

const RACERS = 20

/** Two instances on one fresh database, in turns. */
const openTwo = async (t: TestContext): Promise<(at: number) => Store> => {
  const url = freshDatabase(t, server)
  const [even, odd] = await Promise.all([openStore(t, url), openStore(t, url)])
  return (at) => (at % 2 === 0 ? even : odd)
}

const missing = missingMongo()
const server = missing === undefined ? await mongoForTests({ after }) : ''

suite('MongoDB: several instances on one database', { skip: missing ?? false }, () => {
  test('that start together on an empty one all open it', async (t) => {
    const url = freshDatabase(t, server)
    const stores = await Promise.all(numbered(5).map(() => openStore(t, url)))
    await stores[0]?.insertPrivateKey(rowOf())
    for (const store of stores) assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
  })

  test(`${RACERS} racing inserts of one identity over two end with one success`, async (t) => {
    const instance = await openTwo(t)
    const rows = numbered(RACERS).map((at) => rowOf({ encryptedPrv: `{"racer":${at}}` }))
    const outcomes = await Promise.allSettled(rows.map((row, at) => instance(at).insertPrivateKey(row)))
    assert.deepEqual(tally(outcomes), { undefined: 1, private_key_exists: RACERS - 1 })
    const winner = rows[outcomes.findIndex(({ status }) => status === 'fulfilled')]
    for (const at of [0, 1]) assert.deepEqual(await instance(at).findPrivateKey(rowOf()), winner)
  })

  test('that claim together agree on one claim for each provider', async (t) => {
    const instance = await openTwo(t)
    const held = await Promise.all(
      numbered(RACERS).map((at) =>
        instance(at).claimRootKey(
          claimOf({
            id: rootKeyId(String.fromCharCode(97 + at)),
            provider: at % 4 < 2 ? 'dinamo' : 'pkcs11',
            owner: `instance-${at}`,
          }),
        ),
      ),
    )
    const claims = await instance(0).listRootKeys()
    assert.deepEqual(claims.map(({ provider }) => provider).toSorted(), ['dinamo', 'pkcs11'])
    assert.deepEqual(await instance(1).listRootKeys(), claims)
    for (const [at, each] of held.entries()) {
      const provider = at % 4 < 2 ? 'dinamo' : 'pkcs11'
      assert.deepEqual(
        each,
        claims.find((claim) => claim.provider === provider),
      )
    }
  })
})
