import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { listeningApp } from './support/app.ts'
import { memoryOperations } from './support/operations.ts'
import { parseAnswer, readAll, walletRequest } from './support/raw-client.ts'
import { until } from './support/until.ts'

const MAKE = walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' }).replace(
  'Connection: close\r\n',
  '',
)

/** A server whose data keys are made when `go` is called. */
const slowApp = async (t: Parameters<typeof listeningApp>[0], closeGrace = 20_000) => {
  const started = Promise.withResolvers<void>()
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const operations = memoryOperations()
  const slow = memoryOperations({
    generateDataKey: async (input, request) => {
      started.resolve()
      await promise
      return operations.generateDataKey(input, request)
    },
  })
  return { ...(await listeningApp(t, { operations: slow, closeGrace })), started: started.promise, go }
}

const opened = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

test('what is in flight is answered, says that the connection closes, and closing waits for it', async (t) => {
  const { app, port, started, go } = await slowApp(t)
  const socket = await opened(port)
  const all = readAll(socket)
  socket.write(MAKE)
  await started
  let closed = false
  const closing = app.close().then(() => {
    closed = true
  })
  await until(() => !app.server.listening)
  assert.equal(closed, false)
  go()
  const answer = parseAnswer(await all)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('connection'), 'close')
  assert.equal(JSON.parse(answer.body).encryptedKey, 'token-0')
  await closing
})

test('a request that comes on an open connection while the server closes is served', async (t) => {
  const { app, port, started, go } = await slowApp(t)
  const late = await opened(port)
  const busy = await opened(port)
  busy.write(MAKE)
  await started
  const closing = app.close()
  await until(() => !app.server.listening)
  const [answer, kept] = [readAll(late), readAll(busy)]
  late.write(MAKE)
  go()
  assert.equal(parseAnswer(await answer).status, 200)
  assert.equal(parseAnswer(await kept).status, 200)
  await closing
})

test('connections that send nothing, or no more, do not hold up the closing', async (t) => {
  const { app, port } = await listeningApp(t)
  const silent = await opened(port)
  const begun = await opened(port)
  begun.write('GET / HTTP/1.1\r\nHo')
  const kept = await opened(port)
  kept.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(kept, 'data')
  const ended = [silent, begun, kept].map(readAll)
  await app.close()
  await Promise.all(ended)
})

test('closing ends after its grace, whatever is in flight', async (t) => {
  const { app, port, started } = await slowApp(t, 100)
  const socket = await opened(port)
  const all = readAll(socket)
  socket.write(MAKE)
  await started
  await app.close()
  assert.equal(String(await all), '')
})
