import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { buildHealthServer, type HealthDeps } from '../../src/http/health.ts'

const health = async (t: TestContext, deps: HealthDeps) => {
  const server = buildHealthServer(deps).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    return { status: response.status, body: await response.json() }
  }
}

const OK = { status: 200, body: { status: 'ok' } }
const UNAVAILABLE = { status: 503, body: { status: 'unavailable' } }

test('a process that answers is alive, ready or not', async (t) => {
  const get = await health(t, { ready: async () => false })
  assert.deepEqual(await get('/livez'), OK)
  assert.deepEqual(await get('/readyz'), UNAVAILABLE)
})

test('readiness is asked once a second at most', async (t) => {
  let asked = 0
  let now = 0
  const get = await health(t, { ready: async () => ++asked % 2 === 1, now: () => now })
  assert.deepEqual(await Promise.all([get('/readyz'), get('/readyz')]), [OK, OK])
  now = 999
  assert.deepEqual(await get('/readyz'), OK)
  assert.equal(asked, 1)
  now = 1_001
  assert.deepEqual(await get('/readyz'), UNAVAILABLE)
  assert.equal(asked, 2)
})

test('what ends is not ready at once, whatever was known or is being asked', async (t) => {
  let ending = false
  const asked = Promise.withResolvers<boolean>()
  const deps = { ending: () => ending }
  const known = await health(t, { ...deps, ready: async () => true })
  const asking = await health(t, { ...deps, ready: () => asked.promise })
  assert.deepEqual(await known('/readyz'), OK)
  const late = asking('/readyz')
  await asking('/livez')
  ending = true
  asked.resolve(true)
  assert.deepEqual(await known('/readyz'), UNAVAILABLE)
  assert.deepEqual(await late, UNAVAILABLE)
  assert.deepEqual(await known('/livez'), OK)
})

test('readiness that fails, or throws, is not ready', async (t) => {
  const rejecting = await health(t, { ready: () => Promise.reject(new Error('no')) })
  assert.deepEqual(await rejecting('/readyz'), UNAVAILABLE)
  const throwing = await health(t, {
    ready: () => {
      throw new Error('no')
    },
  })
  assert.deepEqual(await throwing('/readyz'), UNAVAILABLE)
})

test('readiness that does not come in time is not ready, and is not asked for again meanwhile', async (t) => {
  let asked = 0
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const get = await health(t, {
    ready: () => {
      asked += 1
      return promise
    },
  })
  assert.deepEqual(await get('/readyz'), UNAVAILABLE)
  assert.deepEqual(await get('/readyz'), UNAVAILABLE)
  assert.equal(asked, 1)
  resolve(true)
})

test('nothing else is answered', async (t) => {
  const get = await health(t, { ready: async () => true })
  assert.equal((await get('/')).status, 404)
  assert.equal((await get('/readyz', 'POST')).status, 404)
})
