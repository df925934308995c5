import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonPost, KEY, testApp } from './support/app.ts'
import { assertProblem } from './support/problem.ts'
import { refused } from './support/refused.ts'

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
  test(`malformed JSON is 400 and is not quoted: ${body.slice(0, 20)}`, async () => {
    const response = await refused(jsonPost('/key', body), 400, 'malformed_json')
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

test('a POST without a body is 400', async () => {
  await refused({ method: 'POST', url: '/key' }, 400, 'validation_failed', 'The body must be a JSON object.')
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
  test(`${field} with half a surrogate pair is 400 naming it`, async () => {
    for (const half of ['\\ud800', '\\uDC00', '\\ud800\\ud800', '\\ud800x', '\\udc00\\ud800', '\\ud800\\n']) {
      const body = `${JSON.stringify({ ...KEY, [field]: 'a' }).slice(0, -1)},"${field}":"a${half}"}`
      await refused(jsonPost(url, body), 400, 'validation_failed', text)
    }
  })
  test(`${field} with invalid UTF-8 is 400 naming it`, async () => {
    for (const bytes of ['ff', 'c328', 'eda080', 'c0af', 'f8888080', 'e282']) {
      const [before, after] = JSON.stringify({ ...KEY, [field]: 'a@' }).split('@') as [string, string]
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes, 'hex'), Buffer.from(after)])
      await refused(jsonPost(url, body), 400, 'validation_failed', text)
    }
  })
}

test('invalid UTF-8 in what nobody reads is 400 too', async () => {
  const body = Buffer.from(`{"x":"\xff",${JSON.stringify(KEY).slice(1)}`, 'latin1')
  await refused(jsonPost('/key', body), 400, 'malformed_json', 'The body must be valid UTF-8.')
})

test('nesting is bounded', async (t) => {
  const nested = (levels: number) =>
    `${JSON.stringify(KEY).slice(0, -1)},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`
  const { app } = testApp(t)
  assert.equal((await app.inject(jsonPost('/key', nested(63)))).statusCode, 200)
  await refused(jsonPost('/key', nested(64)), 400, 'malformed_json', /nested/)
  await refused(jsonPost('/key', nested(100_000)), 400, 'malformed_json', /nested/)
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

test('the default limit is 1 MiB', async () => {
  await refused(jsonPost('/key', 'x'.repeat(1_048_577)), 413, 'payload_too_large')
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
  test(`415 for a body of the media type ${type}`, async () => {
    const request = { ...jsonPost('/key', KEY), headers: { 'content-type': type } }
    await refused(request, 415, 'unsupported_media_type')
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

test('a compressed body is 415', async () => {
  const { headers, ...rest } = jsonPost('/key', KEY)
  const request = { ...rest, headers: { ...headers, 'content-encoding': 'gzip' } }
  await refused(request, 415, 'unsupported_media_type')
})
