import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonPost, KEY, testApp } from './support/app.ts'
import { assertProblem } from './support/problem.ts'
import { refused } from './support/refused.ts'

for (const request of [
  '/',
  '/keys',
  '/key%2Fabc?source=user',
  '/%6bey/abc?source=user',
  '//key/abc',
  '/generateDataKey/',
  '/%zz',
  jsonPost('/nowhere', KEY),
  jsonPost('/nowhere', '{'),
  { method: 'PROPFIND', url: '/x' } as unknown as string,
]) {
  test(`404 for a route that is not there: ${JSON.stringify(request).slice(0, 40)}`, async () => {
    await refused(request, 404, 'route_not_found')
  })
}

for (const [method, url, allow] of [
  ['GET', '/key', 'POST'],
  ['PUT', '/key', 'POST'],
  ['DELETE', '/key/abc', 'GET'],
  ['POST', '/key/abc', 'GET'],
  ['GET', '/generateDataKey', 'POST'],
  ['GET', '/decryptDataKey', 'POST'],
  ['OPTIONS', '/key', 'POST'],
  ['HEAD', '/generateDataKey', 'POST'],
] as const) {
  test(`405 for ${method} ${url}`, async (t) => {
    const { app } = testApp(t)
    const response = await app.inject({ method, url })
    assert.equal(response.headers.allow, allow)
    if (method === 'HEAD') assert.deepEqual([response.statusCode, response.payload], [405, ''])
    else assertProblem(response.payload, response.headers, 405, 'method_not_allowed')
  })
}

test('HEAD is not answered by the handler of GET', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', KEY))
  const { statusCode } = await app.inject({ method: 'HEAD', url: `/key/${KEY.pub}?source=user` })
  assert.equal(statusCode, 405)
})
