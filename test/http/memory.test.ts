import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { KmsError } from '../../src/domain/errors.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import type { HttpApp } from '../../src/http/http-app.ts'
import { ownReadBuffer } from '../../src/http/memory/own-read-buffer.ts'
import { WipedRequest } from '../../src/http/memory/wiped-request.ts'
import { jsonObject } from '../../src/http/responses/json-bytes.ts'
import { jsonPost, KEY, listeningApp, testApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { sendRaw, walletRequest } from './support/raw-client.ts'
import { until } from './support/until.ts'

const isDisposed = (secret: SecretBytes | undefined): boolean => {
  try {
    return secret?.bytes === undefined
  } catch {
    return true
  }
}

const isWiped = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

for (const [how, refuse] of [
  ['stored', false],
  ['refused', true],
] as const) {
  test(`the prv of a request is wiped when it was ${how}`, async (t) => {
    let seen: SecretBytes | undefined
    const operations = memoryOperations()
    const spy = memoryOperations({
      storePrivateKey: (input, request) => {
        seen = input.prv
        assert.equal(input.prv.bytes.toString(), KEY.prv)
        if (refuse) throw new KmsError('store_unavailable')
        return operations.storePrivateKey(input, request)
      },
    })
    const { app } = testApp(t, { operations: spy })
    await app.inject(jsonPost('/key', KEY))
    assert.ok(seen !== undefined && isDisposed(seen))
  })
}

test('the prv of a request that no handler takes is wiped with the answer', async (t) => {
  const { app } = testApp(t)
  let secrets: SecretBytes[] = []
  app.addHook('preValidation', (request, _reply, done) => {
    secrets = [...(request.bodySecrets?.values() ?? [])]
    done()
  })
  const refused = await app.inject(jsonPost('/key', { ...KEY, coin: '' }))
  assert.equal(refused.statusCode, 400)
  assert.equal(secrets.length, 1)
  await until(() => secrets.every(isDisposed))
})

test('a request at work keeps its prv when its client goes away, to the end', async (t) => {
  const started = Promise.withResolvers<SecretBytes>()
  const { promise, resolve } = Promise.withResolvers<never>()
  const operations = memoryOperations({
    storePrivateKey: ({ prv }) => {
      started.resolve(prv)
      return promise
    },
  })
  const { port, log } = await listeningApp(t, { operations })
  const socket = connect(port, '127.0.0.1')
  socket.write(walletRequest('POST', '/key', KEY))
  const prv = await started.promise
  socket.destroy()
  await until(() => log.some(({ msg }) => msg === 'request aborted'))
  assert.equal(prv.bytes.toString(), KEY.prv, 'half of it wiped would be stored as the key')
  resolve({ key: KEY } as never)
  await until(() => isDisposed(prv))
})

/** Is given the bytes themselves of each answer with key material, as the socket is. */
const onAnswer = ({ server }: Pick<HttpApp, 'server'>, take: (body: Uint8Array) => void): void => {
  server.on('request', (_request, response) => {
    const end = response.end.bind(response) as (...parameters: unknown[]) => typeof response
    response.end = (body?: unknown, ...rest: unknown[]) => {
      if (body instanceof Uint8Array) take(body)
      return end(body, ...rest)
    }
  })
}

for (const client of ['reads it', 'goes away']) {
  test(`an answered prv is wiped when its client ${client}`, async (t) => {
    const prv = SecretBytes.fromUtf8('x'.repeat(8_000_000))
    const operations = memoryOperations({
      getPrivateKey: async () => ({ key: { tenant: 'default', ...KEY }, rootKeyId: '', prv }),
    })
    const { app, port } = await listeningApp(t, { operations })
    const body = Promise.withResolvers<Uint8Array>()
    onAnswer(app, body.resolve)
    const request = walletRequest('GET', '/key/a?source=user')
    if (client === 'reads it') {
      assert.equal(JSON.parse((await sendRaw(port, request)).body).prv.length, 8_000_000)
    } else {
      const socket = connect(port, '127.0.0.1')
      socket.write(request)
      await once(socket, 'readable')
      assert.ok(!isWiped((await body.promise).subarray(0, 100)))
      socket.destroy()
    }
    const bytes = await body.promise
    await until(() => isWiped(bytes.subarray(0, 100)))
    assert.ok(isWiped(bytes))
    assert.ok(isDisposed(prv))
  })
}

test('an answer that waits for its turn is wiped when its client goes away', async (t) => {
  const { promise, resolve } = Promise.withResolvers<never>()
  const operations = memoryOperations({ generateDataKey: () => promise })
  const { app, port } = await listeningApp(t, { operations })
  await app.inject(jsonPost('/key', KEY))
  const written: Uint8Array[] = []
  onAnswer(app, (body) => written.push(body))
  const socket = connect(port, '127.0.0.1')
  const requests = [
    walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' }),
    walletRequest('GET', `/key/${KEY.pub}?source=user`),
  ]
  socket.write(requests.join('').replaceAll('Connection: close\r\n', ''))
  await until(() => written.length > 0)
  assert.ok(String(written[0]).includes(KEY.prv))
  socket.destroy()
  await until(() => written.every(isWiped))
  resolve(undefined as never)
})

test('an answer with a key is one buffer with memory of its own', () => {
  using prv = SecretBytes.fromUtf8('x')
  using json = jsonObject({ prv, pub: 'a"b' })
  assert.equal(json.bytes.toString(), '{"prv":"x","pub":"a\\"b"}')
  assert.equal(json.bytes.buffer.byteLength, json.length)
})

const requests = async (t: TestContext, onRequest: (request: WipedRequest, done: () => void) => void) => {
  const server = createServer({ IncomingMessage: WipedRequest }, (request, response) => {
    response.once('close', () => (request as WipedRequest).wipe())
    onRequest(request as WipedRequest, () => response.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

test('the chunks of a body are wiped when the response is closed, and not before', async (t) => {
  const chunks: Buffer[] = []
  const before: string[] = []
  const port = await requests(t, (request, done) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      before.push(Buffer.concat(chunks).toString())
      done()
    })
  })
  await sendRaw(port, walletRequest('POST', '/', KEY))
  assert.equal(before[0], JSON.stringify(KEY))
  await until(() => chunks.every(isWiped))
})

test('the chunks of a body that nobody reads are wiped, those that come late too', async (t) => {
  const pushed: Buffer[] = []
  const port = await requests(t, (request, done) => {
    const push = request.push.bind(request)
    request.push = (chunk: Buffer | null) => {
      if (chunk !== null) pushed.push(chunk)
      return push(chunk)
    }
    done()
  })
  const half = 'x'.repeat(500)
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${half}`)
  await once(socket, 'data')
  socket.write(half)
  await until(() => pushed.reduce((sum, { length }) => sum + length, 0) === 1_000)
  assert.ok(pushed.every(isWiped))
  socket.destroy()
})

test('this Node reads into a buffer of ours, which is wiped after each read', async (t) => {
  const unsupported: string[] = []
  let reads = 0
  const own = ownReadBuffer({
    onUnsupported: (reason) => unsupported.push(reason),
    afterRead: () => (reads += 1),
  })
  const seen: { bytes: Buffer; text: string }[] = []
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    own(socket)
    socket.on('data', (bytes: Buffer) => seen.push({ bytes, text: bytes.toString() }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('secret')
  await until(() => seen.length > 0)
  assert.equal(seen[0]?.text, 'secret')
  assert.ok(seen[0] && isWiped(seen[0].bytes), 'it was our buffer')
  assert.equal(reads, 1)
  assert.deepEqual(unsupported, [])
  client.destroy()
})

test('a Node that does not read into our buffer is told of, once', () => {
  const reasons: string[] = []
  const own = ownReadBuffer({ onUnsupported: (reason) => reasons.push(reason) })
  const listeners: (() => void)[] = []
  const socket = {
    _handle: { useUserBuffer: () => undefined },
    on: (_event: string, listener: () => void) => listeners.push(listener),
    once: () => undefined,
  }
  own(socket as unknown as Socket)
  for (const listener of [...listeners, ...listeners]) listener()
  own({ _handle: {}, destroyed: false } as unknown as Socket)
  assert.deepEqual(reasons, ['data came past the buffer'])
})

test('the app warns of nothing on this Node', async (t) => {
  const { port, log } = await listeningApp(t)
  await sendRaw(port, walletRequest('POST', '/key', KEY))
  assert.deepEqual(
    log.filter(({ level }) => level >= 40),
    [],
  )
})
