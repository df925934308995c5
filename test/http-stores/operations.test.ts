import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { ask } from '../durability/support/client.ts'
import { newInstance, urlOf } from '../durability/support/instance.ts'
import { allStores } from '../durability/support/stores.ts'
import { simulatorFor } from '../support/simulator.ts'

const LIMIT = { timeout: 180_000 }
const KEY = { pub: 'xpub661', coin: 'tbtc', source: 'user', type: 'independent', prv: 'xprv9s21' }
const DATA_KEY = { keyType: 'AES-256' }

const pathOf = (pub: string, source = 'user'): string => `/key/${encodeURIComponent(pub)}?source=${source}`

const PRVS: Readonly<Record<string, string>> = {
  'one character': 'x',
  'control characters': String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code)),
  'a JSON text': JSON.stringify({ share: 'a"b\\c', n: [1, 2] }),
  'every plane': 'é€😀\u{10ffff}\uffff\u2028',
  'a threshold share': 'QUJD'.repeat(82_450),
}

/** Each is another key, whatever a store does to texts. */
const PUBS = [
  'MII/+abc==',
  'user:backup:',
  '$where',
  'a.b',
  ' a b ',
  'a%2Fb',
  "'; DROP TABLE private_keys; --",
  'CASE',
  'case',
  '0',
  '00',
  'f'.repeat(1_024),
]

/** What a client may rely on, whatever store is behind it. */
const checkOperations = async (t: TestContext, url: string): Promise<void> => {
  for (const [name, prv] of Object.entries(PRVS)) {
    await t.test(`a private key comes back exactly: ${name}`, async () => {
      const { prv: _, ...described } = { ...KEY, pub: name }
      const stored = await ask(url, '/key', { ...described, prv })
      assert.deepEqual([stored.status, stored.body], [200, described])
      const found = await ask(url, pathOf(name))
      assert.deepEqual([found.status, found.body], [200, { ...described, prv }])
    })
  }

  await t.test('every pub names a key of its own', async () => {
    for (const pub of PUBS) assert.equal((await ask(url, '/key', { ...KEY, pub, prv: pub })).status, 200, pub)
    for (const pub of PUBS) assert.equal((await ask(url, pathOf(pub))).body.prv, pub)
    assert.equal((await ask(url, '/key/MII/+abc==?source=user')).body.prv, 'MII/+abc==')
  })

  await t.test('a pub is stored once for user and once for backup', async () => {
    const pub = 'twice'
    assert.equal((await ask(url, '/key', { ...KEY, pub })).status, 200)
    assert.equal((await ask(url, '/key', { ...KEY, pub, source: 'backup', prv: 'other' })).status, 200)
    for (const prv of [KEY.prv, 'changed']) {
      const { status, body } = await ask(url, '/key', { ...KEY, pub, prv })
      assert.deepEqual([status, body.code], [409, 'private_key_exists'])
    }
    assert.equal((await ask(url, pathOf(pub))).body.prv, KEY.prv)
    assert.equal((await ask(url, pathOf(pub, 'backup'))).body.prv, 'other')
  })

  await t.test('what was never stored is not found', async () => {
    for (const path of [pathOf('never'), pathOf('one character', 'backup')]) {
      const { status, body } = await ask(url, path)
      assert.deepEqual([status, body.code], [404, 'private_key_not_found'])
    }
  })

  await t.test('what is not valid is refused, and not stored', async () => {
    const pub = 'invalid'
    for (const change of [{ source: 'bitgo' }, { coin: '' }, { type: 'é' }, { prv: 1 }]) {
      const { status, body } = await ask(url, '/key', { ...KEY, pub, ...change })
      assert.deepEqual([status, body.code], [400, 'validation_failed'])
    }
    assert.equal((await ask(url, pathOf(pub))).status, 404)
    assert.equal((await ask(url, pathOf(pub, 'bitgo'))).status, 400)
  })

  await t.test('a data key opens to the text that was given', async () => {
    const { status, body } = await ask(url, '/generateDataKey', DATA_KEY)
    assert.equal(status, 200)
    const { plaintextKey, encryptedKey } = body
    const opened = await ask(url, '/decryptDataKey', { encryptedKey })
    assert.deepEqual([opened.status, opened.body], [200, { plaintextKey }])
    const altered = await ask(url, '/decryptDataKey', { encryptedKey: `${String(encryptedKey)}A` })
    assert.deepEqual([altered.status, altered.body.code], [400, 'encrypted_key_invalid'])
  })
}

for (const store of await allStores({ after })) {
  test(`cofre serve on ${store.name}`, { ...LIMIT, skip: store.skip }, async (t) => {
    const instance = await newInstance(t, await simulatorFor(t), await store.freshUrl(t))
    const service = await instance.start()
    await checkOperations(t, service.url)

    await t.test('what was stored, and what was wrapped, outlives a restart', async () => {
      const made = await ask(service.url, '/generateDataKey', DATA_KEY)
      const { plaintextKey, encryptedKey } = made.body
      assert.equal((await ask(service.url, '/key', KEY)).status, 200)
      assert.equal(await service.stop(), 0)
      await instance.start()
      const url = urlOf(instance)
      assert.deepEqual((await ask(url, pathOf(KEY.pub))).body, KEY)
      assert.equal((await ask(url, '/key', KEY)).status, 409)
      assert.deepEqual((await ask(url, '/decryptDataKey', { encryptedKey })).body, { plaintextKey })
    })
  })
}
