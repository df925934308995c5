import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { rowOf } from '../../../contracts/key-repository/samples.ts'
import { missingMongoServer, startMongoServer } from '../../../support/mongo-server.ts'
import { openBehindProxy } from './stores.ts'

const missing = missingMongoServer()
const server = missing === undefined ? (await startMongoServer({ after })).url : ''

suite('MongoDB: a primary that may have been deposed', { skip: missing ?? false }, () => {
  test('must confirm a write before a key is called missing', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server)
    const commands: string[] = []
    proxy.decide = (command) => {
      commands.push(command)
      return 'pass'
    }
    assert.equal(await store.findPrivateKey(rowOf()), undefined)
    assert.deepEqual(commands, ['find', 'update', 'find'])
  })

  test('that confirms none is unavailable', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server)
    proxy.decide = (command) => (command === 'update' ? 'swallow' : 'pass')
    await assert.rejects(store.findPrivateKey(rowOf()), { code: 'store_unavailable' })
  })

  test('costs nothing where the key is there', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server)
    await store.insertPrivateKey(rowOf())
    const commands: string[] = []
    proxy.decide = (command) => {
      commands.push(command)
      return 'pass'
    }
    assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
    assert.deepEqual(commands, ['find'])
  })
})
