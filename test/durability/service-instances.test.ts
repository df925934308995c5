import assert from 'node:assert/strict'
import { after, suite, type TestContext, test } from 'node:test'
import { type NamedObject, ObjectStore } from '../../src/simulator/object-store.ts'
import { numbered } from '../contracts/key-repository/samples.ts'
import { simulatorFor } from '../support/simulator.ts'
import { ask } from './support/client.ts'
import { newInstance, urlOf } from './support/instance.ts'
import { keyNamed, pathOf } from './support/keys.ts'
import { allStores, type TestStore } from './support/stores.ts'

const RACERS = 20
const LIMIT = { timeout: 120_000 }

/** Two that start together on an empty store, with one HSM. */
const startPair = async (t: TestContext, store: TestStore) => {
  let permanent: readonly NamedObject[] = []
  const objects = new ObjectStore([], async (all) => {
    permanent = all
  })
  const simulator = await simulatorFor(t, { objects })
  const databaseUrl = await store.freshUrl(t)
  const pair = await Promise.all(numbered(2).map(() => newInstance(t, simulator, databaseUrl)))
  const processes = await Promise.all(pair.map((instance) => instance.start()))
  return { urls: pair.map(urlOf), processes, objectsInHsm: () => permanent }
}

for (const store of await allStores({ after })) {
  suite(`two instances on one ${store.name}`, { skip: store.skip }, () => {
    test(
      'that start together have one root key for each scope, and the HSM made no other RSA key',
      LIMIT,
      async (t) => {
        const { urls, processes, objectsInHsm } = await startPair(t, store)
        const rootKeys = processes.map(({ output }) => {
          const ready = output.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'ready')
          return ready.rootKeys as Readonly<Record<string, string>>
        })
        assert.deepEqual(rootKeys[0], rootKeys[1])
        assert.deepEqual(
          objectsInHsm().map(([name, { kind }]) => [name.split('/').at(-1), kind]),
          Object.values(rootKeys[0] ?? {}).map((id) => [id, 'rsa']),
        )
        const [one = '', other = ''] = urls
        const key = keyNamed({ pub: 'shared', source: 'user' })
        assert.equal((await ask(one, '/key', key)).status, 200)
        assert.deepEqual((await ask(other, pathOf(key))).body, key)
        const { body } = await ask(other, '/generateDataKey', { keyType: 'AES-256' })
        const { plaintextKey, encryptedKey } = body
        assert.deepEqual((await ask(one, '/decryptDataKey', { encryptedKey })).body, { plaintextKey })
      },
    )

    test(`that get ${RACERS} POSTs of one key at once store one, and refuse the others`, LIMIT, async (t) => {
      const { urls } = await startPair(t, store)
      const key = keyNamed({ pub: 'contested', source: 'backup' })
      const answers = await Promise.all(
        numbered(RACERS).map((at) => ask(urls[at % 2] ?? '', '/key', { ...key, prv: `racer ${at}` })),
      )
      const statuses = answers.map(({ status }) => status)
      const refused = statuses.filter((status) => status === 409)
      assert.deepEqual([statuses.includes(200), refused.length], [true, RACERS - 1], statuses.join())
      const prv = `racer ${statuses.indexOf(200)}`
      for (const url of urls) assert.deepEqual((await ask(url, pathOf(key))).body, { ...key, prv })
    })
  })
}
