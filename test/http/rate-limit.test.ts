import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { shareOf } from '../../src/http/plugins/rate-limit.ts'
import { RateLimitStore } from '../../src/http/plugins/rate-limit-store.ts'
import { jsonPost, testApp } from './support/app.ts'
import { assertProblem } from './support/problem.ts'

const LIMITS = { reads: 3, writes: 2, windowMs: 60_000 }
const READ = { method: 'GET', url: '/key/none?source=user' } as const
const WRITE = jsonPost('/generateDataKey', { keyType: 'AES-256' })

test('429 with Retry-After past the limit of a client; reads and writes have limits of their own', async (t) => {
  const limited: string[] = []
  const { app } = testApp(t, { rateLimits: LIMITS, onRateLimited: ({ ip }) => void limited.push(ip) })
  for (let n = 0; n < 3; n++) assert.equal((await app.inject(READ)).statusCode, 404)
  const { statusCode, payload, headers } = await app.inject(READ)
  assert.equal(statusCode, 429)
  assertProblem(payload, headers, 429, 'rate_limited')
  const wait = Number(headers['retry-after'])
  assert.ok(wait >= 1 && wait <= 60, String(wait))
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.includes('ratelimit')),
    [],
  )
  assert.deepEqual(limited, ['127.0.0.1'])
  for (let n = 0; n < 2; n++) assert.equal((await app.inject(WRITE)).statusCode, 200)
  assert.equal((await app.inject(WRITE)).statusCode, 429)
})

test('what no route answers counts as reading', async (t) => {
  const { app } = testApp(t, { rateLimits: LIMITS })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await app.inject('/nowhere')).statusCode)
  assert.deepEqual(statuses, [404, 404, 404, 429])
})

test('a client is its certificate, whatever its address; without one it is its address', async (t) => {
  let fingerprint: string | undefined
  const { app } = testApp(t, {
    rateLimits: LIMITS,
    identify: () => ({
      caller: UNRESTRICTED,
      ...(fingerprint === undefined ? {} : { client: { fingerprint, subject: '' } }),
    }),
  })
  const statusFrom = async (remoteAddress: string): Promise<number> =>
    (await app.inject({ ...READ, remoteAddress })).statusCode
  for (const address of ['10.0.0.1', '10.0.0.1', '10.0.0.1']) assert.equal(await statusFrom(address), 404)
  assert.equal(await statusFrom('10.0.0.1'), 429)
  assert.equal(await statusFrom('10.0.0.2'), 404)
  fingerprint = 'aa'
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) assert.equal(await statusFrom(address), 404)
  assert.equal(await statusFrom('10.0.0.4'), 429)
  fingerprint = 'bb'
  assert.equal(await statusFrom('10.0.0.4'), 404)
})

test('after the window it is let in again', async (t) => {
  const { app } = testApp(t, { rateLimits: { ...LIMITS, reads: 1, windowMs: 300 } })
  assert.equal((await app.inject(READ)).statusCode, 404)
  let status = 429
  for (const end = Date.now() + 20_000; status === 429 && Date.now() < end; await sleep(20)) {
    status = (await app.inject(READ)).statusCode
  }
  assert.equal(status, 404)
})

test('a clock that is set back changes nothing', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const { app } = testApp(t, { rateLimits: { ...LIMITS, reads: 1, windowMs: 1 } })
  await app.inject(READ)
  t.mock.timers.setTime(0)
  let status = 429
  for (const end = performance.now() + 20_000; status === 429 && performance.now() < end; ) {
    status = (await app.inject(READ)).statusCode
  }
  assert.equal(status, 404)
})

test('however many clients come, few are remembered, and those the longest ago are forgotten', () => {
  const store = new RateLimitStore()
  const count = (client: string): number => {
    let current = 0
    store.incr(
      client,
      (_error, result) => {
        current = result.current
      },
      600_000,
    )
    return current
  }
  count('first')
  for (let n = 0; n < 4_999; n++) count(`client ${n}`)
  assert.equal(count('first'), 2)
  assert.equal(count('one more'), 1)
  assert.equal(count('first'), 1)
  assert.equal(count('client 4998'), 2)
})

test('processes share the limits', () => {
  assert.deepEqual(shareOf({ reads: 100, writes: 10, windowMs: 1_000 }, 4), {
    reads: 25,
    writes: 3,
    windowMs: 1_000,
  })
})
