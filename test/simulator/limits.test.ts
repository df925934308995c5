import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { certificateSha256, makeCertificate } from '../../src/simulator/certificate.ts'
import { type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import {
  createKeyBytes,
  errorReply,
  exportKeyBytes,
  HELLO,
  LOGIN_REQUEST,
  OK,
  RawClient,
  requestBytes,
  sharedSimulatorState,
  simulatorFor,
  USER,
} from '../support/simulator.ts'

const TIMEOUT = { timeout: 20_000 }

suite('the simulator refuses to start', TIMEOUT, () => {
  const start = async (options: Partial<SimulatorOptions>) =>
    startSimulator({ ...(await sharedSimulatorState()), users: [USER], ...options })

  for (const host of [
    '0.0.0.0',
    '192.168.1.10',
    '::',
    '8.8.8.8',
    'localhost',
    '',
    '::ffff:10.0.0.1',
    '127.0.0.1.example',
  ]) {
    test(`on the host "${host}"`, async () => {
      await assert.rejects(start({ host }), /loopback/)
    })
  }

  for (const [what, users] of [
    ['no user', []],
    ['a user name of 17 characters', [{ username: 'a'.repeat(17), password: 'x' }]],
    ['a password of 17 characters', [{ username: 'a', password: 'x'.repeat(17) }]],
    ['an empty password', [{ username: 'a', password: '' }]],
    ['a password that is not ASCII', [{ username: 'a', password: 'sénha' }]],
    ['a user twice', [USER, USER]],
  ] as const) {
    test(`with ${what}`, async () => {
      await assert.rejects(start({ users }), (error: Error) => !error.message.includes('x'.repeat(17)))
    })
  }

  test('with a limit that is not a positive whole number', async () => {
    for (const name of ['idleTimeoutMs', 'maxSessions', 'maxTemporaryKeys', 'handshakeTimeoutMs'] as const) {
      for (const value of [0, -1, 1.5, Number.NaN]) {
        await assert.rejects(start({ [name]: value }), new RegExp(name))
      }
    }
  })

  test('on a port that is taken', async (t) => {
    const { port } = await simulatorFor(t)
    await assert.rejects(start({ port }), { code: 'EADDRINUSE' })
  })

  test("with a key that is not the certificate's", async () => {
    const certificate = { ...(await makeCertificate()), key: (await makeCertificate()).key }
    await assert.rejects(start({ certificate }), /key is not that of the certificate/)
  })
})

suite('the simulator', TIMEOUT, () => {
  test('listens on the IPv6 loopback address', async (t) => {
    const probe = connect({ host: '::1', port: 1 })
    const [error] = (await once(probe, 'error')) as [NodeJS.ErrnoException]
    if (error.code !== 'ECONNREFUSED') {
      t.skip('this machine has no ::1')
      return
    }
    await RawClient.login(t, await simulatorFor(t, { host: '::1' }))
  })

  test('shows the certificate whose fingerprint it gives', async (t) => {
    const simulator = await simulatorFor(t)
    const client = await RawClient.connect(t, simulator)
    client.write(HELLO)
    assert.equal((await client.record()).readUInt32LE(0), 0x4f4b4e54)
    const socket = await client.startTls()
    assert.equal(socket.getProtocol(), 'TLSv1.2')
    const shown = socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()
    assert.equal(shown, simulator.certificateSha256)
    assert.match(simulator.certificateSha256, /^[0-9a-f]{64}$/)
  })

  test('counts what it receives inside TLS: nothing from a client that leaves before its login', async (t) => {
    const simulator = await simulatorFor(t)
    const careful = await RawClient.secure(t, simulator)
    careful.raw.destroy()
    await RawClient.login(t, simulator)
    const [first, second] = simulator.stats.recent
    assert.equal(first?.applicationBytes, 0)
    assert.equal(first?.loggedIn, false)
    assert.equal(second?.applicationBytes, 40)
    assert.equal(second?.loggedIn, true)
    assert.equal(simulator.stats.applicationBytes, 40)
    assert.equal(simulator.stats.connections, 2)
  })

  test('lets a refused client try again, and answers nothing else before a login', async (t) => {
    const simulator = await simulatorFor(t)
    const client = await RawClient.secure(t, simulator)
    assert.deepEqual(await client.request(createKeyBytes('a')), errorReply(5002))
    assert.deepEqual(await client.authenticate({ ...USER, password: 'wrong' }), errorReply(5002))
    assert.deepEqual(await client.authenticate({ ...USER, username: 'nobody' }), errorReply(5020))
    assert.deepEqual(await client.authenticate(), OK)
    assert.deepEqual(await client.request(LOGIN_REQUEST), errorReply(5008))
    assert.deepEqual(await client.request(createKeyBytes('a')), OK)
  })

  test('challenges with 16 bytes that differ', async (t) => {
    const simulator = await simulatorFor(t)
    const challenge = async (): Promise<Buffer> =>
      (await RawClient.secure(t, simulator)).request(LOGIN_REQUEST)
    const [one, two] = [await challenge(), await challenge()]
    assert.equal(one.length, 24)
    assert.equal(one.readUInt32LE(4), 16)
    assert.notDeepEqual(one, two)
  })

  test('admits no more sessions than allowed, and one again when one ends', async (t) => {
    const simulator = await simulatorFor(t, { maxSessions: 2 })
    const first = await RawClient.login(t, simulator)
    await RawClient.login(t, simulator)
    const third = await RawClient.secure(t, simulator)
    assert.deepEqual(await third.authenticate(), errorReply(5006))
    assert.equal(simulator.sessions, 2)
    first.write(requestBytes(0xfffffffe))
    assert.equal(await first.ending(), 'fin')
    assert.deepEqual(await third.authenticate(), OK)
    assert.equal(simulator.stats.operations.close, 1)
  })

  test('keeps no more temporary keys of a session than allowed', async (t) => {
    const simulator = await simulatorFor(t, { maxTemporaryKeys: 2 })
    const client = await RawClient.login(t, simulator)
    assert.deepEqual(await client.request(createKeyBytes('a')), OK)
    assert.deepEqual(await client.request(createKeyBytes('b')), OK)
    assert.deepEqual(await client.request(createKeyBytes('c')), errorReply(5006))
    assert.deepEqual(await client.request(createKeyBytes('c', 9, 1)), OK)
    const other = await RawClient.login(t, simulator)
    assert.deepEqual(await other.request(createKeyBytes('a')), OK)
  })

  test('closes a session that is idle', async (t) => {
    const simulator = await simulatorFor(t, { idleTimeoutMs: 50 })
    const client = await RawClient.login(t, simulator)
    assert.equal(await client.ending(), 'fin')
    await simulator.close()
    assert.equal(simulator.sessions, 0)
  })

  test('does not take a long operation for idleness', async (t) => {
    const client = await RawClient.login(t, await simulatorFor(t, { idleTimeoutMs: 5 }))
    assert.deepEqual(await client.request(createKeyBytes('rsa', 6, 4)), OK)
    assert.equal(await client.ending(), 'fin')
  })

  test('drops who does not finish the handshake', async (t) => {
    const simulator = await simulatorFor(t, { handshakeTimeoutMs: 50 })
    const silent = await RawClient.connect(t, simulator)
    assert.equal(await silent.ending(), 'fin')
    const halfway = await RawClient.connect(t, simulator)
    halfway.write(HELLO)
    await halfway.record()
    assert.equal(await halfway.ending(), 'fin')
  })

  for (const [what, bytes] of [
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['eight other bytes', Buffer.alloc(8, 1)],
    ['a hello without TLS', Buffer.from('4f4c454800000100', 'hex')],
    ['a hello of another version', Buffer.from('4f4c454801000200', 'hex')],
    ['more than a hello', Buffer.concat([HELLO, Buffer.alloc(1)])],
  ] as const) {
    test(`drops who begins with ${what}`, async (t) => {
      const client = await RawClient.connect(t, await simulatorFor(t))
      client.write(bytes)
      await client.ending()
    })
  }

  test('drops who speaks something else where TLS belongs, and serves the next', async (t) => {
    const simulator = await simulatorFor(t)
    const client = await RawClient.connect(t, simulator)
    client.write(HELLO)
    await client.record()
    client.write(Buffer.alloc(100, 0x41))
    await client.record().catch(() => undefined)
    await RawClient.login(t, simulator)
  })

  test('closes the connection over a request of more than 8 MiB', async (t) => {
    const simulator = await simulatorFor(t)
    const client = await RawClient.login(t, simulator)
    const header = requestBytes(2)
    header.writeUInt32LE(8 * 1024 * 1024 + 1, 4)
    client.write(header)
    await client.ending()
    await RawClient.login(t, simulator)
  })

  test('answers requests that come together in their order', async (t) => {
    const client = await RawClient.login(t, await simulatorFor(t))
    client.write(
      Buffer.concat([
        createKeyBytes('slow', 6, 5),
        createKeyBytes('a'),
        exportKeyBytes('a'),
        exportKeyBytes('b'),
      ]),
    )
    assert.deepEqual(await client.record(), OK)
    assert.deepEqual(await client.record(), OK)
    const key = await client.record()
    assert.equal(key.length, 40)
    assert.equal(key.readUInt32LE(4), 32)
    assert.deepEqual(await client.record(), errorReply(5004))
  })

  test('refuses payloads of another size than the operation has', async (t) => {
    const client = await RawClient.login(t, await simulatorFor(t))
    for (const id of [2, 7, 9, 20]) {
      assert.deepEqual(await client.request(requestBytes(id)), errorReply(5021))
      assert.deepEqual(await client.request(requestBytes(id, Buffer.alloc(400, 0x61))), errorReply(5021))
    }
  })

  test('logs neither passwords nor keys, and every event on one line', async (t) => {
    const lines: string[] = []
    const simulator = await simulatorFor(t, { log: (line) => void lines.push(line) })
    const client = await RawClient.login(t, simulator)
    await client.request(createKeyBytes('a'))
    const key = (await client.request(exportKeyBytes('a'))).subarray(8)
    await client.request(exportKeyBytes('b'))
    await client.request(createKeyBytes('bad\nname'))
    await simulator.close()
    const all = lines.join('\n')
    assert.ok(all.includes('logged in as kms'))
    assert.ok(all.includes('key.export refused, 5004'))
    assert.ok(!lines.some((line) => line.includes('\n')))
    for (const secret of [USER.password, key.toString('hex'), key.toString('base64')])
      assert.ok(!all.includes(secret))
  })

  test('ends every connection when it is closed, at any stage, and may be closed twice', async (t) => {
    const simulator = await simulatorFor(t)
    const plain = await RawClient.connect(t, simulator)
    const secure = await RawClient.secure(t, simulator)
    const session = await RawClient.login(t, simulator)
    assert.equal(simulator.sessions, 1)
    await simulator.close()
    assert.equal(simulator.sessions, 0)
    for (const client of [plain, secure, session]) await client.ending()
    assert.ok(simulator.stats.recent.every(({ open }) => !open))
    await simulator.close()
    await assert.rejects(RawClient.connect(t, simulator), { code: 'ECONNREFUSED' })
  })
})

test('the fingerprint is that of the certificate alone', async () => {
  const { certificate } = await sharedSimulatorState()
  assert.equal(certificateSha256(certificate), certificateSha256({ ...certificate }))
})
