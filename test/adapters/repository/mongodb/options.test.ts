import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { MongoClient } from 'mongodb'
import { collectionsOf } from '../../../../src/adapters/repository/mongodb/documents.ts'
import {
  clientOptions,
  databaseNameOf,
  databaseOptions,
} from '../../../../src/adapters/repository/mongodb/options.ts'
import { openStore } from './stores.ts'

test('MongoDB: takes the name of the database from the URL, and is cofre where it has none', () => {
  const names = {
    'mongodb://h': 'cofre',
    'mongodb://h/': 'cofre',
    'mongodb://h:1,h2:2/?replicaSet=rs0': 'cofre',
    'mongodb://h?replicaSet=rs0/x': 'cofre',
    'mongodb://h:1,h2:2/keys?replicaSet=rs0': 'keys',
    'mongodb+srv://u:p%2Fw@h.example/ke%79s?tls=true': 'keys',
  }
  for (const [url, name] of Object.entries(names)) assert.equal(databaseNameOf(url), name, url)
})

test('MongoDB: what makes a write lasting and a read true cannot be weakened in the URL', async () => {
  const weak = [
    'w=0&journal=false&wtimeoutMS=1&retryWrites=true',
    'readConcernLevel=local&readPreference=secondary&socketTimeoutMS=0&serverSelectionTimeoutMS=999999',
    'maxPoolSize=1000&waitQueueTimeoutMS=0&connectTimeoutMS=0&appName=other',
  ].join('&')
  await using client = new MongoClient(`mongodb://h/?${weak}`, clientOptions(12_000, 50))
  const { options } = client
  const { readConcern, readPreference, writeConcern } = collectionsOf(
    client.db('keys', databaseOptions(12_000)),
  ).privateKeys
  assert.deepEqual([readConcern?.level, readPreference?.mode], ['majority', 'primary'])
  assert.deepEqual(
    [writeConcern?.w, writeConcern?.journal, writeConcern?.wtimeoutMS],
    ['majority', true, 3_000],
  )
  assert.partialDeepStrictEqual(options, {
    appName: 'cofre',
    retryWrites: false,
    maxPoolSize: 50,
    serverSelectionTimeoutMS: 9_000,
    connectTimeoutMS: 4_000,
    socketTimeoutMS: 4_000,
    waitQueueTimeoutMS: 6_000,
  })
})

test('MongoDB: takes credentials, TLS and the replica set from the URL', async () => {
  const url = 'mongodb://me:p%40ss@h1,h2/keys?tls=true&replicaSet=rs0&authSource=admin'
  await using client = new MongoClient(url, clientOptions(12_000, 50))
  const { credentials, hosts, replicaSet, tls } = client.options
  assert.deepEqual([hosts.map(String), replicaSet, tls], [['h1:27017', 'h2:27017'], 'rs0', true])
  assert.deepEqual(
    [credentials?.username, credentials?.password, credentials?.source],
    ['me', 'p@ss', 'admin'],
  )
})

test('MongoDB: a URL that cannot work stops the start, and no part of it is repeated', async (t) => {
  const urls = [
    'mongodb://someone:s3cret@',
    'mongodb://someone:s3cret@h:99999/keys',
    'mongodb://someone:s3cret/s3cret@h/keys',
    'mongodb://someone:s3cret@h/keys?s3cret=1',
    'mongodb://someone:%s3cret@h/keys',
    'mongodb://someone:s3cret@h/keys?tls=s3cret',
    'mongodb+srv://someone:s3cret@h:27017/keys',
    'mongo://someone:s3cret@h/keys',
    'mongodb://someone:s3cret@h/k%s3crets',
  ]
  for (const url of urls) {
    await assert.rejects(openStore(t, url, { deadlineMs: 1_000 }), (error: Error & { code: string }) => {
      assert.equal(error.code, 'start_refused', url)
      assert.match(error.message, /DATABASE_URL/)
      assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /s3cret/)
      return true
    })
  }
})

test('MongoDB: a file for TLS that cannot be read stops the start, and is named', async (t) => {
  const url = 'mongodb://someone:s3cret@127.0.0.1:1/keys?tls=true&tlsCAFile=/nowhere/ca.pem'
  await assert.rejects(openStore(t, url, { deadlineMs: 5_000 }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'start_refused')
    assert.match(error.message, /\/nowhere\/ca\.pem.*DATABASE_URL.*ENOENT/)
    assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /s3cret/)
    return true
  })
})
