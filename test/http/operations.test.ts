import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonPost, KEY, testApp } from './support/app.ts'

const { prv: PRV, ...DESCRIPTION } = KEY

test('a private key is stored and given back exactly', async (t) => {
  const { app } = testApp(t)
  const stored = await app.inject(jsonPost('/key', KEY))
  assert.equal(stored.statusCode, 200)
  assert.match(String(stored.headers['content-type']), /^application\/json/)
  assert.deepEqual(stored.json(), DESCRIPTION)
  const found = await app.inject(`/key/${KEY.pub}?source=user`)
  assert.equal(found.statusCode, 200)
  assert.match(String(found.headers['content-type']), /^application\/json/)
  assert.deepEqual(found.json(), { ...DESCRIPTION, prv: PRV })
})

const TEXTS: Readonly<Record<string, string>> = {
  'one character': 'x',
  'a JSON text, as threshold shares are': JSON.stringify({ share: 'a"b\\c', n: [1, 2] }).repeat(20),
  'every control character': String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code)),
  'quotes, slashes and backslashes': '"\\/\\\\""//',
  'two, three and four byte characters': 'é€😀𝄞\u{10ffff}\uffff\u2028\u2029\u007f',
  'a byte order mark of its own': '\ufeffx',
  'what looks like an escape': '\\u0041\\n',
  '329,800 characters': 'QUJD'.repeat(82_450),
}

for (const [name, prv] of Object.entries(TEXTS)) {
  test(`a prv comes back exactly: ${name}`, async (t) => {
    const { app } = testApp(t)
    const spellings = [JSON.stringify(prv), escapeAll(prv)]
    for (const [index, spelling] of spellings.entries()) {
      const pub = `pub${index}`
      const body = `{"pub":"${pub}","prv":${spelling},"coin":"tbtc","source":"user","type":"tss"}`
      if (body.length > 1_000_000) continue
      assert.equal((await app.inject(jsonPost('/key', body))).statusCode, 200)
      assert.equal((await app.inject(`/key/${pub}?source=user`)).json().prv, prv)
    }
  })
}

const escapeAll = (text: string): string =>
  `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`

test('the same pub is stored once for user and once for backup', async (t) => {
  const { app } = testApp(t)
  const store = (change: object) => app.inject(jsonPost('/key', { ...KEY, ...change }))
  assert.equal((await store({})).statusCode, 200)
  assert.equal((await store({ source: 'backup', prv: 'other' })).statusCode, 200)
  for (const change of [{}, { prv: 'changed' }]) {
    const again = await store(change)
    assert.equal(again.statusCode, 409)
    assert.equal(again.json().code, 'private_key_exists')
  }
  assert.equal((await app.inject(`/key/${KEY.pub}?source=user`)).json().prv, PRV)
  assert.equal((await app.inject(`/key/${KEY.pub}?source=backup`)).json().prv, 'other')
})

test('a seed and other unknown members are accepted, and neither given back nor logged', async (t) => {
  const { app, log } = testApp(t)
  const seed = 'abandon abandon art'
  const unknown = { seed, more: { prv: seed }, __proto__: { polluted: true }, constructor: { prototype: 1 } }
  const stored = await app.inject(jsonPost('/key', { ...unknown, ...KEY }))
  assert.deepEqual([stored.statusCode, stored.json()], [200, DESCRIPTION])
  const raw = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},${JSON.stringify({ ...KEY, pub: 'p2' }).slice(1)}`
  assert.equal((await app.inject(jsonPost('/key', raw))).statusCode, 200)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  const found = await app.inject(`/key/${KEY.pub}?source=user`)
  assert.deepEqual(Object.keys(found.json()).sort(), ['coin', 'prv', 'pub', 'source', 'type'])
  assert.ok(!JSON.stringify(log).includes(seed))
})

const PUBS = {
  'base64 with slashes, plus and equals signs': 'MII/+abc==',
  'a slash at each end': '/a//b/',
  'a percent sign': '100%25',
  'what a router could read as a parameter': ':id*(x)',
  'a semicolon': 'a;b=c',
  '1,024 characters': 'f'.repeat(1_024),
}

for (const [name, pub] of Object.entries(PUBS)) {
  test(`a pub is found raw and escaped: ${name}`, async (t) => {
    const { app } = testApp(t)
    assert.equal((await app.inject(jsonPost('/key', { ...KEY, pub }))).statusCode, 200)
    const raw = pub.replaceAll('%', '%25')
    for (const path of [raw, encodeURIComponent(pub)]) {
      const found = await app.inject(`/key/${path}?source=user`)
      assert.equal(found.statusCode, 200, path)
      assert.equal(found.json().pub, pub)
    }
  })
}

test('a plus sign in a path is itself, and never a space', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', { ...KEY, pub: 'a b' }))
  assert.equal((await app.inject('/key/a+b?source=user')).statusCode, 404)
  assert.equal((await app.inject('/key/a%20b?source=user')).statusCode, 200)
})

test('a path is percent-decoded once', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', { ...KEY, pub: 'a%2Fb' }))
  assert.equal((await app.inject('/key/a%252Fb?source=user')).json().pub, 'a%2Fb')
  assert.equal((await app.inject('/key/a%2Fb?source=user')).statusCode, 404)
})

test('a data key is made, and opened to exactly the text that was given', async (t) => {
  const { app } = testApp(t)
  const made = await app.inject(jsonPost('/generateDataKey', { keyType: 'AES-256' }))
  assert.equal(made.statusCode, 200)
  const { plaintextKey, encryptedKey, ...rest } = made.json()
  assert.deepEqual(rest, {})
  assert.equal(Buffer.from(plaintextKey, 'base64').length, 32)
  assert.equal(Buffer.from(plaintextKey, 'base64').toString('base64'), plaintextKey)
  const opened = await app.inject(jsonPost('/decryptDataKey', { encryptedKey }))
  assert.deepEqual([opened.statusCode, opened.json()], [200, { plaintextKey }])
})

test('nothing is cached, sniffed, redirected or signed with a product name', async (t) => {
  const { app } = testApp(t)
  await app.inject(jsonPost('/key', KEY))
  for (const request of [
    jsonPost('/key', KEY),
    `/key/${KEY.pub}?source=user`,
    jsonPost('/generateDataKey', { keyType: 'AES-256' }),
    '/nowhere',
    '/key/',
    jsonPost('/key/', KEY),
  ]) {
    const { headers, statusCode } = await app.inject(request)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers.server, undefined)
    assert.equal(headers['x-powered-by'], undefined)
    assert.ok(statusCode < 300 || statusCode >= 400)
  }
})
