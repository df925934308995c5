import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { KMS_ERROR_CODES, KmsError } from '../../src/domain/errors.ts'
import { ERROR_TABLE } from '../../src/http/errors/error-table.ts'
import { HttpError } from '../../src/http/errors/http-error.ts'
import { jsonPost, KEY, testApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { assertProblem } from './support/problem.ts'

type Request = string | InjectOptions

const refused = async (
  t: TestContext,
  request: Request,
  status: number,
  code: string,
  message?: RegExp | string,
) => {
  const { app, log } = testApp(t)
  const response = await app.inject(request)
  const problem = assertProblem(response.payload, response.headers, status, code)
  if (typeof message === 'string') assert.equal(problem.message, message)
  else if (message !== undefined) assert.match(problem.message, message)
  const line = log.find(({ requestId, code: logged }) => requestId === problem.requestId && logged === code)
  assert.equal(line?.level, status >= 500 ? 50 : 30, 'refusals are logged, with the request id')
  return response
}

const without = (field: string) => Object.fromEntries(Object.entries(KEY).filter(([name]) => name !== field))
const ASCII_1024 = '1 to 1024 printable ASCII characters'
const ASCII_64 = '1 to 64 printable ASCII characters'

const INVALID: readonly (readonly [field: string, value: unknown, expected: string])[] = [
  ...['', 'x'.repeat(1_025), 'é', 'a\nb', 7, null, ['a'], {}].map(
    (value) => ['pub', value, ASCII_1024] as const,
  ),
  ...['', 'x'.repeat(65), 'é', '\u007f', 7, null].map((value) => ['coin', value, ASCII_64] as const),
  ...['', 'x'.repeat(65), 'é', true].map((value) => ['type', value, ASCII_64] as const),
  ...['bitgo', 'User', '', 1, null, ['user']].map(
    (value) => ['source', value, 'one of user, backup'] as const,
  ),
  ...[7, null, true, ['a'], { a: 'b' }].map((value) => ['prv', value, 'a string'] as const),
]

for (const [field, value, expected] of INVALID) {
  test(`400 names the field: ${field} of ${JSON.stringify(value).slice(0, 20)}`, async (t) => {
    const request = jsonPost('/key', { ...KEY, [field]: value })
    await refused(t, request, 400, 'validation_failed', `${field} must be ${expected}.`)
  })
}

for (const field of Object.keys(KEY)) {
  test(`400 names the field that is missing: ${field}`, async (t) => {
    const request = jsonPost('/key', without(field))
    await refused(t, request, 400, 'validation_failed', new RegExp(`^${field} is required; it must be `))
  })
}

test('400 names keyType and encryptedKey', async (t) => {
  const keyType = /^keyType (must be|is required; it must be) a string\.$/
  await refused(t, jsonPost('/generateDataKey', { keyType: 256 }), 400, 'validation_failed', keyType)
  await refused(t, jsonPost('/generateDataKey', {}), 400, 'validation_failed', keyType)
  for (const body of [{}, { encryptedKey: null }, { encryptedKey: ['a'] }]) {
    await refused(
      t,
      jsonPost('/decryptDataKey', body),
      400,
      'validation_failed',
      /^encryptedKey .*a string\.$/,
    )
  }
})

for (const keyType of ['RSA-2048', 'ECDSA-P256', 'aes-256', '']) {
  test(`keyType ${keyType} is not supported`, async (t) => {
    await refused(t, jsonPost('/generateDataKey', { keyType }), 400, 'key_type_unsupported')
  })
}

test('an encryptedKey of any other text has one error', async (t) => {
  for (const encryptedKey of ['', 'x', 'x'.repeat(100_000), '\u0000', 'é']) {
    await refused(t, jsonPost('/decryptDataKey', { encryptedKey }), 400, 'encrypted_key_invalid')
  }
})

for (const query of [
  '',
  '?source=',
  '?source=bitgo',
  '?source=user&source=user',
  '?source=user&source=backup',
  '?source[]=user',
  '?Source=user',
  '?source=%zz',
  '?source=user+',
]) {
  test(`400 names source: ${query}`, async (t) => {
    await refused(
      t,
      `/key/abc${query}`,
      400,
      'validation_failed',
      /^source (is required; it )?must be one of user, backup\.$/,
    )
  })
}

test('other query parameters are ignored', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', KEY))
  assert.equal((await app.inject(`/key/${KEY.pub}?a=1&a=2&source=user&__proto__=x`)).statusCode, 200)
})

for (const path of ['%', '%zz', 'a%2', '%ff', '%c3%28', '%ed%a0%80', '']) {
  test(`400 names pub: /key/${path}`, async (t) => {
    await refused(t, `/key/${path}?source=user`, 400, 'validation_failed', /^pub must be /)
  })
}

for (const path of ['%00', '%C3%A9', 'x'.repeat(1_025)]) {
  test(`400 names pub where it is not printable ASCII: /key/${path.slice(0, 10)}`, async (t) => {
    await refused(t, `/key/${path}?source=user`, 400, 'validation_failed', `pub must be ${ASCII_1024}.`)
  })
}

const MALFORMED = [
  '{',
  '{"pub":}',
  'xprv9s21',
  '{"prv":"xprv9s21',
  `${JSON.stringify(KEY)}x`,
  '\ufeff{}',
  "{'pub':1}",
  '{"a":01}',
  '{,}',
  '[1,]',
]

for (const body of MALFORMED) {
  test(`malformed JSON is 400 and is not quoted: ${body.slice(0, 20)}`, async (t) => {
    const response = await refused(t, jsonPost('/key', body), 400, 'malformed_json')
    assert.ok(!response.payload.includes('xprv9s21'))
  })
}

for (const body of ['[]', '"text"', '7', 'null', '', ' ']) {
  test(`a body that is no object is 400: ${JSON.stringify(body)}`, async (t) => {
    const { app } = testApp(t)
    const { statusCode, payload, headers } = await app.inject(jsonPost('/key', body))
    assertProblem(payload, headers, statusCode, JSON.parse(payload).code)
    assert.equal(statusCode, 400)
  })
}

test('a POST without a body is 400', async (t) => {
  await refused(
    t,
    { method: 'POST', url: '/key' },
    400,
    'validation_failed',
    'The body must be a JSON object.',
  )
})

for (const [field, url] of [
  ['prv', '/key'],
  ['pub', '/key'],
  ['coin', '/key'],
  ['type', '/key'],
  ['source', '/key'],
  ['encryptedKey', '/decryptDataKey'],
  ['keyType', '/generateDataKey'],
] as const) {
  const text = `${field} must be valid Unicode text: UTF-8, without lone surrogates.`
  test(`${field} with half a surrogate pair is 400 naming it`, async (t) => {
    for (const half of ['\\ud800', '\\uDC00', '\\ud800\\ud800', '\\ud800x', '\\udc00\\ud800', '\\ud800\\n']) {
      const body = `${JSON.stringify({ ...KEY, [field]: 'a' }).slice(0, -1)},"${field}":"a${half}"}`
      await refused(t, jsonPost(url, body), 400, 'validation_failed', text)
    }
  })
  test(`${field} with invalid UTF-8 is 400 naming it`, async (t) => {
    for (const bytes of ['ff', 'c328', 'eda080', 'c0af', 'f8888080', 'e282']) {
      const [before, after] = JSON.stringify({ ...KEY, [field]: 'a@' }).split('@') as [string, string]
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes, 'hex'), Buffer.from(after)])
      await refused(t, jsonPost(url, body), 400, 'validation_failed', text)
    }
  })
}

test('invalid UTF-8 in what nobody reads is 400 too', async (t) => {
  const body = Buffer.from(`{"x":"\xff",${JSON.stringify(KEY).slice(1)}`, 'latin1')
  await refused(t, jsonPost('/key', body), 400, 'malformed_json', 'The body must be valid UTF-8.')
})

test('nesting is bounded', async (t) => {
  const nested = (levels: number) =>
    `${JSON.stringify(KEY).slice(0, -1)},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`
  const { app } = testApp(t)
  assert.equal((await app.inject(jsonPost('/key', nested(63)))).statusCode, 200)
  await refused(t, jsonPost('/key', nested(64)), 400, 'malformed_json', /nested/)
  await refused(t, jsonPost('/key', nested(100_000)), 400, 'malformed_json', /nested/)
})

test('a body up to the limit is read, and one byte more is 413', async (t) => {
  const limit = 4_096
  const { app } = testApp(t, { bodyLimit: limit })
  const sized = (size: number, pub: string) => {
    const body = JSON.stringify({ ...KEY, pub, prv: '' })
    return body.replace('"prv":""', `"prv":"${'x'.repeat(size - body.length)}"`)
  }
  assert.equal((await app.inject(jsonPost('/key', sized(limit, 'a')))).statusCode, 200)
  const { payload, headers } = await app.inject(jsonPost('/key', sized(limit + 1, 'b')))
  assertProblem(payload, headers, 413, 'payload_too_large')
})

test('the default limit is 1 MiB', async (t) => {
  await refused(t, jsonPost('/key', 'x'.repeat(1_048_577)), 413, 'payload_too_large')
})

const MEDIA_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json2',
  'application/problem+json',
  'application/json; charset=latin1',
  'application/json;charset="utf-16"',
  'multipart/form-data; boundary=x',
  'nonsense',
  '',
]
for (const type of MEDIA_TYPES) {
  test(`415 for a body of the media type ${type}`, async (t) => {
    const request = { ...jsonPost('/key', KEY), headers: { 'content-type': type } }
    await refused(t, request, 415, 'unsupported_media_type')
  })
}

for (const type of [
  'application/json',
  'Application/JSON',
  'application/json; charset=utf-8',
  'application/json;charset="UTF-8"',
  'application/json; x=y',
]) {
  test(`the media type ${type} is read`, async (t) => {
    const { app } = testApp(t)
    const request = { ...jsonPost('/key', KEY), headers: { 'content-type': type } }
    assert.equal((await app.inject(request)).statusCode, 200)
  })
}

test('a compressed body is 415', async (t) => {
  const { headers, ...rest } = jsonPost('/key', KEY)
  const request = { ...rest, headers: { ...headers, 'content-encoding': 'gzip' } }
  await refused(t, request, 415, 'unsupported_media_type')
})

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
  test(`404 for a route that is not there: ${JSON.stringify(request).slice(0, 40)}`, async (t) => {
    await refused(t, request, 404, 'route_not_found')
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
