import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { makeCertificate } from '../../src/simulator/certificate.ts'
import { KEY, listeningApp } from './support/app.ts'
import { parseAnswer, readAll, sendRaw, walletRequest } from './support/raw-client.ts'

const tlsApp = async (t: TestContext) => {
  const certificate = await makeCertificate()
  const made = await listeningApp(t, { tls: certificate })
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({
      host: '127.0.0.1',
      port: made.port,
      ca: certificate.cert,
      servername: 'localhost',
    })
    await once(socket, 'secureConnect')
    return socket
  }
  const send = async (request: string) => {
    const socket = await open()
    const all = readAll(socket)
    socket.write(request)
    return parseAnswer(await all)
  }
  return { ...made, open, send }
}

test('keys of any size go in and out over TLS', async (t) => {
  const { send, log } = await tlsApp(t)
  for (const length of [1, 111, 895, 40_000, 329_800]) {
    const key = { ...KEY, pub: `pub${length}`, prv: 'x'.repeat(length) }
    assert.equal((await send(walletRequest('POST', '/key', key))).status, 200)
    const found = await send(walletRequest('GET', `/key/${key.pub}?source=user`))
    assert.equal(JSON.parse(found.body).prv, key.prv)
  }
  assert.deepEqual(
    log.filter(({ level }) => level >= 40),
    [],
    'this Node reads into our buffer over TLS too',
  )
})

test('headers and key material are never given to TLS in one write, which would copy both', async (t) => {
  const { send, app } = await tlsApp(t)
  await send(walletRequest('POST', '/key', KEY))
  const writes: string[] = []
  app.server.on('secureConnection', (socket: Socket) => {
    const write = socket._write.bind(socket)
    socket._write = (chunk: Buffer | string, ...rest) => {
      writes.push(String(chunk))
      write(chunk, ...rest)
    }
    const writev = socket._writev?.bind(socket)
    if (writev === undefined) return
    socket._writev = (chunks, callback) => {
      const filled = chunks.map(({ chunk }) => String(chunk)).filter((text) => text.length > 0)
      writes.push(filled.join(''))
      writev(chunks, callback)
    }
  })
  await send(walletRequest('GET', `/key/${KEY.pub}?source=user`))
  const holding = writes.filter((text) => text.includes(KEY.prv))
  assert.equal(holding.length, 1)
  assert.ok(holding[0]?.startsWith('{'), 'the body stands alone')
})

test('what is no TLS is refused without an answer, and logged', async (t) => {
  const { port, log, send } = await tlsApp(t)
  const answer = await sendRaw(port, walletRequest('POST', '/key', KEY))
  assert.ok(Number.isNaN(answer.status))
  assert.ok(log.some(({ msg, level }) => msg === 'TLS handshake refused' && level === 30))
  assert.ok(!JSON.stringify(log).includes(KEY.prv))
  assert.equal((await send(walletRequest('GET', '/'))).status, 404)
})

test('a connection that is at work is told from one that is idle, over TLS too', async (t) => {
  const { app, open } = await tlsApp(t)
  const idle = readAll(await open())
  const kept = await open()
  kept.write('GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(kept, 'data')
  await app.close()
  await idle
})
