import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEY, listeningApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { sendRaw, walletRequest } from './support/raw-client.ts'
import { until } from './support/until.ts'

test('every request has a line with what is public about it, whatever the outcome', async (t) => {
  const { port, log } = await listeningApp(t)
  await sendRaw(port, walletRequest('POST', '/key', KEY))
  await sendRaw(port, walletRequest('GET', `/key/${KEY.pub}?source=user&token=mine`))
  await sendRaw(port, walletRequest('GET', '/key/other?source=backup'))
  const completed = () => log.filter(({ msg }) => msg === 'request completed')
  await until(() => completed().length === 3)
  const lines = completed()
  assert.deepEqual(
    lines.map(({ method, route, status, pub, source }) => [method, route, status, pub, source]),
    [
      ['POST', '/key', 200, KEY.pub, KEY.source],
      ['GET', '/key/*', 200, KEY.pub, KEY.source],
      ['GET', '/key/*', 404, 'other', 'backup'],
    ],
  )
  for (const { level, requestId, address, ms } of lines) {
    assert.equal(level, 30)
    assert.match(String(requestId), /^[0-9a-f-]{36}$/)
    assert.equal(address, '127.0.0.1')
    assert.equal(typeof ms, 'number')
  }
  assert.ok(!JSON.stringify(log).includes('mine'), 'no query')
})

test('at no level does the log hold a body, a key or an invalid pub', async (t) => {
  const secret = 'xprv9s21ZrQH143K3'
  const failing = memoryOperations({
    storePrivateKey: ({ prv }) => Promise.reject(new TypeError(`Received ${prv.bytes.toString()}`)),
    getPrivateKey: ({ pub }) => Promise.reject(new Error(pub)),
  })
  for (const operations of [memoryOperations(), failing]) {
    const { port, log } = await listeningApp(t, { operations })
    const key = { ...KEY, prv: secret, seed: secret }
    const answers = [
      walletRequest('POST', '/key', key),
      walletRequest('GET', `/key/${KEY.pub}?source=user`),
      walletRequest('GET', `/key/${KEY.pub}?source=${secret}`),
      walletRequest('GET', `/key/${secret}%?source=user`),
      walletRequest('POST', '/key', { ...key, coin: secret.repeat(10) }),
      walletRequest('POST', '/key', { ...key, pub: `${secret}é`, type: secret.repeat(10) }),
      walletRequest('POST', '/key', key).slice(0, -2).concat('}}'),
      walletRequest('POST', '/generateDataKey', { keyType: secret }),
      walletRequest('POST', '/decryptDataKey', { encryptedKey: secret }),
      walletRequest('POST', '/key', key).replace('Content-Length', 'Content-Length '),
    ]
    for (const request of answers) await sendRaw(port, request)
    const made = await sendRaw(port, walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' }))
    const { plaintextKey } = JSON.parse(made.body)
    const text = JSON.stringify(log)
    assert.ok(log.length >= answers.length)
    assert.ok(!text.includes(secret))
    assert.ok(!text.includes(plaintextKey))
  }
})
