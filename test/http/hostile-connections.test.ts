import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { KEY, listeningApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { assertProblem } from './support/problem.ts'
import { parseAnswer, type RawAnswer, readAll, sendRaw, walletRequest } from './support/raw-client.ts'
import { until } from './support/until.ts'

const assertRefused = (answer: RawAnswer, status: number, code: string): void => {
  assert.equal(answer.status, status)
  assertProblem(answer.body, Object.fromEntries(answer.headers), status, code)
  assert.equal(answer.headers.get('connection'), 'close')
  assert.equal(answer.headers.get('content-length'), String(Buffer.byteLength(answer.body)))
}

const POST = 'POST /key HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const MALFORMED: Readonly<Record<string, string>> = {
  'no HTTP at all': 'xprv9s21secret\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'both lengths': `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two lengths': `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":1}`,
  'a length with a sign': `${POST}Content-Length: +5\r\n\r\n{"a":`,
  'a length that is no number': `${POST}Content-Length: 0x5\r\n\r\n{"a":`,
  'a transfer coding that is not known last': `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
  'a space before the colon': `${POST}Content-Length : 5\r\n\r\n{"a":`,
  'a folded header': `${POST}X: a\r\n b\r\n\r\n`,
  'a bare line feed': 'GET /key/a?source=user HTTP/1.1\nHost: x\n\n',
  'a chunk size that is no number': `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
  'a null byte in a header': 'GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n',
  'a space in the path': 'GET /key/a b HTTP/1.1\r\nHost: x\r\n\r\n',
}

for (const [name, bytes] of Object.entries(MALFORMED)) {
  test(`400 for ${name}`, async (t) => {
    const { port, log } = await listeningApp(t)
    const answer = await sendRaw(port, Buffer.from(bytes, 'latin1'))
    assertRefused(answer, 400, 'bad_request')
    const line = log.find(({ code }) => code === 'bad_request')
    assert.equal(line?.level, 30)
    assert.equal(line?.requestId, JSON.parse(answer.body).requestId)
    assert.ok(!JSON.stringify(log).includes('secret'))
  })
}

test('400 without a Host, 417 for an expectation that is not known', async (t) => {
  const { port } = await listeningApp(t)
  const host = await sendRaw(port, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  assertRefused(host, 400, 'bad_request')
  const expectation = await sendRaw(
    port,
    'GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n',
  )
  assertRefused(expectation, 417, 'expectation_failed')
})

test('431 for headers, or a path, that are too large', async (t) => {
  const { port } = await listeningApp(t)
  const header = await sendRaw(port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)
  assertRefused(header, 431, 'headers_too_large')
  const path = await sendRaw(port, `GET /key/${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)
  assertRefused(path, 431, 'headers_too_large')
})

test('408 for a request that does not end, in its headers or in its body', async (t) => {
  const { port } = await listeningApp(t, { headersTimeout: 200, requestTimeout: 400 })
  const sent = ['GET / HTTP/1.1\r\nHos', `${POST}Content-Length: 500\r\n\r\n{"prv":"xp`]
  const answers = await Promise.all(sent.map((bytes) => sendRaw(port, bytes)))
  for (const answer of answers) assertRefused(answer, 408, 'request_timeout')
})

/** Refuses to read anything before everything is written. */
const writeThenRead = async (port: number, bytes: string): Promise<RawAnswer> => {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  const all = readAll(socket)
  socket.pause()
  await new Promise<void>((resolve, reject) =>
    socket.write(bytes, (error) => (error ? reject(error) : resolve())),
  )
  socket.resume()
  return parseAnswer(await all)
}

const large = { ...KEY, prv: 'x'.repeat(3_500_000) }
const chunk = `186a0\r\n${'x'.repeat(100_000)}\r\n`

for (const [status, code, request] of [
  [413, 'payload_too_large', walletRequest('POST', '/key', large)],
  [
    413,
    'payload_too_large',
    `${POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(35)}0\r\n\r\n`,
  ],
  [404, 'route_not_found', walletRequest('POST', '/nowhere', large)],
  [
    415,
    'unsupported_media_type',
    walletRequest('POST', '/key', large).replace('application/json', 'text/plain'),
  ],
] as const) {
  test(`${status} is seen by a client that sends everything before it reads, ${request.includes('chunked') ? 'in chunks' : 'at once'}`, async (t) => {
    const { app, port } = await listeningApp(t)
    const complete: boolean[] = []
    app.server.on('request', (incoming, response) => {
      response.once('finish', () => complete.push(incoming.complete))
    })
    assertRefused(await writeThenRead(port, request), status, code)
    assert.deepEqual(complete, [true], 'or the connection could be reset under the answer')
  })
}

test('a body without an end is not read without an end', async (t) => {
  const { port, log } = await listeningApp(t, { bodyLimit: 10_000 })
  const socket = connect(port, '127.0.0.1')
  const all = readAll(socket)
  socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`)
  const send = (): void => {
    if (socket.writable) socket.write(`3e8\r\n${'x'.repeat(1_000)}\r\n`, () => setImmediate(send))
  }
  send()
  await all
  assert.ok(log.some(({ code }) => code === 'payload_too_large'))
})

test('* is no route', async (t) => {
  const { port } = await listeningApp(t)
  const options = 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  assertRefused(await sendRaw(port, options), 404, 'route_not_found')
})

test('CONNECT and Upgrade open nothing', async (t) => {
  const { port } = await listeningApp(t)
  assertRefused(await sendRaw(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'), 405, 'method_not_allowed')
  const upgrade = 'GET /key/a HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n\r\n'
  assertRefused(await sendRaw(port, upgrade), 400, 'validation_failed')
})

test('the rest of a refused body is not kept', async (t) => {
  const { app, port } = await listeningApp(t)
  const arrived = once(app.server, 'request')
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(`${POST.replace('json', 'xml')}Content-Length: 1000000\r\n\r\n`)
  const [request] = (await arrived) as [IncomingMessage]
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write('x'.repeat(300_000))
  const received = () => chunks.reduce((sum, { length }) => sum + length, 0)
  await until(() => received() === 300_000)
  assert.ok(chunks.every((chunk) => chunk.every((byte) => byte === 0)))
  socket.destroy()
})

test('a client that resets a connection that was refused does no harm', async (t) => {
  const { port } = await listeningApp(t)
  for (const bytes of [
    'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'nonsense\r\n\r\n',
    walletRequest('GET', '/'),
  ]) {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(bytes, () => socket.resetAndDestroy())
    await once(socket, 'close')
  }
  assert.equal((await sendRaw(port, walletRequest('GET', '/'))).status, 404)
})

test('what can’t be parsed is not answered in the place of a request that is at work', async (t) => {
  const { promise, resolve } = Promise.withResolvers<never>()
  const started = Promise.withResolvers<void>()
  const operations = memoryOperations({
    getPrivateKey: () => {
      started.resolve()
      return promise
    },
  })
  const { port } = await listeningApp(t, { operations })
  const socket = connect(port, '127.0.0.1')
  const all = readAll(socket)
  socket.write('GET /key/a?source=user HTTP/1.1\r\nHost: x\r\n\r\n')
  await started.promise
  socket.write('nonsense\r\n\r\n')
  assert.equal(String(await all), '')
  resolve(undefined as never)
})

test('503 with Retry-After past the bound of requests in flight; they are served again afterwards', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let started = 0
  const operations = memoryOperations()
  const slow = memoryOperations({
    generateDataKey: async (input, request) => {
      started += 1
      await promise
      return operations.generateDataKey(input, request)
    },
  })
  const { port } = await listeningApp(t, { operations: slow, maxInFlight: 2 })
  const ask = () => sendRaw(port, walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' }))
  const both = [ask(), ask()]
  await until(() => started === 2)
  const third = await ask()
  assertRefused(third, 503, 'server_busy')
  assert.equal(third.headers.get('retry-after'), '1')
  resolve()
  for (const { status } of await Promise.all(both)) assert.equal(status, 200)
  assert.equal((await ask()).status, 200)
})

test('a client that goes away leaves no request in flight', async (t) => {
  const { port, log } = await listeningApp(t, { maxInFlight: 1 })
  const socket = connect(port, '127.0.0.1')
  socket.write(`${POST}Content-Length: 500\r\n\r\n{"prv":"xprv`)
  await once(socket, 'connect')
  const ask = async () => (await sendRaw(port, walletRequest('GET', '/'))).status
  await until(async () => (await ask()) === 503)
  socket.destroy()
  await until(async () => (await ask()) === 404)
  assert.ok(log.some(({ msg }) => msg === 'request aborted'))
  assert.ok(!log.some(({ level, code }) => level >= 50 && code !== 'server_busy'))
})
