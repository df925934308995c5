import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { KMS_ERROR_CODES, KmsError } from '../../src/domain/errors.ts'
import { ERROR_TABLE } from '../../src/http/errors/error-table.ts'
import { HttpError } from '../../src/http/errors/http-error.ts'
import { jsonPost, KEY, testApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { assertProblem } from './support/problem.ts'

for (const code of KMS_ERROR_CODES) {
  test(`a KmsError ${code} becomes the status of the table`, async (t) => {
    const cause = new Error('vendor code 5', { cause: new Error('inner') })
    const operations = memoryOperations({
      getPrivateKey: () => Promise.reject(new KmsError(code, { cause, subject: { pub: 'abc' } })),
    })
    const { app, log } = testApp(t, { operations })
    const response = await app.inject('/key/abc?source=user')
    const { status, retryAfter } = ERROR_TABLE[code]
    assertProblem(response.payload, response.headers, status, code)
    assert.equal(response.headers['retry-after'], retryAfter === undefined ? undefined : String(retryAfter))
    assert.equal(status === 503, retryAfter !== undefined)
    assert.ok(!response.payload.includes('vendor'), 'vendor details stay in the log')
    const line = log.find((entry) => entry.code === code)
    assert.match(JSON.stringify(line?.error), /vendor code 5.*inner/)
    assert.deepEqual(line?.subject, { pub: 'abc' })
  })
}

test('an error that nobody expected is 500, and its text stays out of answer and log', async (t) => {
  const secret = 'xprv9s21secret'
  for (const error of [
    new TypeError(`Received ${secret}`),
    secret,
    undefined,
    Object.assign(new Error(secret), { statusCode: 404 }),
  ]) {
    const operations = memoryOperations({ getPrivateKey: () => Promise.reject(error) })
    const { app, log } = testApp(t, { operations })
    const response = await app.inject('/key/abc?source=user')
    assertProblem(response.payload, response.headers, 500, 'internal_error')
    assert.ok(!response.payload.includes(secret))
    assert.equal(log.find(({ code }) => code === 'internal_error')?.level, 50)
    assert.ok(!JSON.stringify(log).includes(secret))
  }
})

test('who is not known is 401 before anything is read', async (t) => {
  const identify = () => {
    throw new HttpError('unauthenticated')
  }
  const { app } = testApp(t, { identify })
  for (const request of [jsonPost('/key', KEY), '/key/abc', '/nowhere', jsonPost('/key', '{')]) {
    const { payload, headers } = await app.inject(request)
    assertProblem(payload, headers, 401, 'unauthenticated')
  }
})

test('an error may say itself when to come again', async (t) => {
  const identify = () => {
    throw new HttpError('rate_limited', { retryAfter: 42 })
  }
  const { app } = testApp(t, { identify })
  const { payload, headers } = await app.inject('/key/abc?source=user')
  assertProblem(payload, headers, 429, 'rate_limited')
  assert.equal(headers['retry-after'], '42')
})

test('the use cases are told who asks', async (t) => {
  const client = { fingerprint: 'ab'.repeat(32), subject: 'CN=wallet' }
  const seen: unknown[] = []
  const operations = memoryOperations({
    generateDataKey: (_input, request) => {
      seen.push(request)
      throw new KmsError('forbidden')
    },
  })
  const { app } = testApp(t, { operations, identify: () => ({ client, caller: UNRESTRICTED }) })
  const { headers } = await app.inject(jsonPost('/generateDataKey', { keyType: 'AES-256' }))
  assert.deepEqual(seen, [
    { requestId: headers['x-request-id'], address: '127.0.0.1', client, caller: UNRESTRICTED },
  ])
})

test('a request id is made here, whatever the client sends', async (t) => {
  const { app } = testApp(t)
  const { headers } = await app.inject({
    url: '/',
    headers: { 'x-request-id': 'mine', 'request-id': 'mine' },
  })
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/)
})
