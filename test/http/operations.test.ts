import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonPost, KEY, testApp } from './support/app.ts'

test('a private key is stored and given back exactly', async (t) => {
  const { app } = testApp(t)
  const stored = await app.inject(jsonPost('/key', KEY))
  assert.equal(stored.statusCode, 200)
  assert.match(String(stored.headers['content-type']), /^application\/json/)
  const { prv, ...description } = KEY
  assert.deepEqual(stored.json(), description)
  const found = await app.inject(`/key/${KEY.pub}?source=user`)
  assert.equal(found.statusCode, 200)
  assert.match(String(found.headers['content-type']), /^application\/json/)
  assert.deepEqual(found.json(), { ...description, prv })
})
