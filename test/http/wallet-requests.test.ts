import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { KEY, listeningApp } from './support/app.ts'
import { readAll, sendRaw, walletRequest } from './support/raw-client.ts'

const { prv: PRV, ...DESCRIPTION } = KEY

test('the wallet server’s four calls, as it sends them', async (t) => {
  const { port } = await listeningApp(t)
  const pub = 'MII/+abc=='
  const stored = await sendRaw(port, walletRequest('POST', '/key', { ...KEY, pub, seed: 'ab' }))
  assert.equal(stored.status, 200)
  assert.equal(stored.headers.get('connection'), 'close')
  assert.deepEqual(JSON.parse(stored.body), { ...DESCRIPTION, pub })

  const found = await sendRaw(port, walletRequest('GET', `/key/${pub}?source=user`))
  assert.equal(found.status, 200)
  assert.equal(found.headers.get('connection'), 'close')
  assert.match(found.headers.get('content-type') ?? '', /^application\/json/)
  assert.equal(found.headers.get('content-length'), String(Buffer.byteLength(found.body)))
  assert.equal(found.headers.get('cache-control'), 'no-store')
  assert.deepEqual(JSON.parse(found.body), { ...DESCRIPTION, pub, prv: PRV })

  const made = await sendRaw(port, walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' }))
  const { plaintextKey, encryptedKey } = JSON.parse(made.body)
  const opened = await sendRaw(port, walletRequest('POST', '/decryptDataKey', { encryptedKey }))
  assert.deepEqual(JSON.parse(opened.body), { plaintextKey })
})

for (const pub of ['../a/./b', '/../..', 'a//b/', '.', '%2e%2e']) {
  test(`a path is not tidied up: ${pub}`, async (t) => {
    const { port } = await listeningApp(t)
    const stored = decodeURIComponent(pub)
    assert.equal((await sendRaw(port, walletRequest('POST', '/key', { ...KEY, pub: stored }))).status, 200)
    const found = await sendRaw(port, walletRequest('GET', `/key/${pub}?source=user`))
    assert.equal(JSON.parse(found.body).pub, stored)
  })
}

test('a threshold share of 329,800 characters goes in and out', async (t) => {
  const { port } = await listeningApp(t)
  const prv = 'QUJD'.repeat(82_450)
  assert.equal((await sendRaw(port, walletRequest('POST', '/key', { ...KEY, prv }))).status, 200)
  const found = await sendRaw(port, walletRequest('GET', `/key/${KEY.pub}?source=user`))
  assert.equal(JSON.parse(found.body).prv, prv)
})

test('a body may come in chunks, byte by byte, or after 100 Continue', async (t) => {
  const { port } = await listeningApp(t)
  const body = (pub: string) => JSON.stringify({ ...KEY, pub, prv: 'é😀' })
  const head = 'POST /key HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n'

  const chunks = [...Buffer.from(body('chunked'))].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10]))
  const chunked = await sendRaw(port, `${head}Transfer-Encoding: chunked\r\n\r\n`, ...chunks, '0\r\n\r\n')
  assert.equal(chunked.status, 200)

  const socket = connect(port, '127.0.0.1')
  const waiting = body('expected')
  socket.write(`${head}Expect: 100-continue\r\nContent-Length: ${Buffer.byteLength(waiting)}\r\n\r\n`)
  const [first] = await once(socket, 'data')
  assert.match(String(first), /^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  const rest = readAll(socket)
  socket.write(waiting)
  assert.match(String(await rest), /^HTTP\/1\.1 200 OK\r\n/)

  for (const pub of ['chunked', 'expected']) {
    const found = await sendRaw(port, walletRequest('GET', `/key/${pub}?source=user`))
    assert.equal(JSON.parse(found.body).prv, 'é😀')
  }
})

test('requests sent at once on one connection are answered in their order', async (t) => {
  const { port } = await listeningApp(t)
  await sendRaw(port, walletRequest('POST', '/key', KEY))
  const get = walletRequest('GET', `/key/${KEY.pub}?source=user`)
  const kept = get.replace('Connection: close\r\n', '')
  const socket = connect(port, '127.0.0.1')
  const all = readAll(socket)
  socket.write(kept + kept + get)
  const answers = String(await all)
    .split('HTTP/1.1 ')
    .slice(1)
  assert.equal(answers.length, 3)
  for (const answer of answers) {
    assert.match(answer, /^200 OK/)
    assert.equal(JSON.parse(answer.split('\r\n\r\n')[1] ?? '').prv, PRV)
  }
})
