import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { DAY_MS, makeAuthority, makeSelfSigned, type TestCertificate } from '../../support/certificates.ts'
import { KEY } from '../support/app.ts'
import { memoryOperations } from '../support/operations.ts'
import { assertProblem } from '../support/problem.ts'
import { readAll, walletRequest } from '../support/raw-client.ts'
import { askTls, openTls, type TlsApp, tlsApp } from './support/tls-app.ts'

const MAKE = walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' })
const AGO = new Date(Date.now() - 10 * DAY_MS)
const AHEAD = new Date(Date.now() + 10 * DAY_MS)

/** What a client is told, and what the operator. */
const assertRefused = async (
  { port, authority, lines, refusals, log }: TlsApp,
  client: TestCertificate | undefined,
  reason: string,
): Promise<void> => {
  const answer = await askTls(walletRequest('POST', '/key', KEY), port, authority, client)
  assert.equal(answer.status, 401)
  const { requestId } = assertProblem(answer.body, Object.fromEntries(answer.headers), 401, 'unauthenticated')
  assert.equal(answer.headers.get('connection'), 'close')
  assert.ok(!answer.body.includes(reason))
  const told = lines.filter(({ message }) => message === 'client refused')
  assert.equal(told.length, 1)
  assert.equal(told[0]?.level, 'warn')
  assert.equal(told[0]?.fields.reason, reason)
  assert.equal(told[0]?.fields.address, '127.0.0.1')
  assert.equal(told[0]?.fields.requestId, requestId)
  assert.equal(told[0]?.fields.fingerprint, client?.fingerprint)
  assert.deepEqual(refusals, [{ reason, address: '127.0.0.1' }])
  assert.ok(!JSON.stringify(log).includes(requestId), 'one line for each refusal')
}

/** Counts the operations that are begun. */
const counted = () => {
  let count = 0
  const operations = memoryOperations()
  const counting = memoryOperations({
    storePrivateKey: (...args) => {
      count += 1
      return operations.storePrivateKey(...args)
    },
  })
  return { operations: counting, begun: () => count }
}

test('a client of the authority is let in, with the name that its certificate has', async (t) => {
  let seen: unknown
  const operations = memoryOperations()
  const watching = memoryOperations({
    generateDataKey: (input, request) => {
      seen = request.client
      return operations.generateDataKey(input, request)
    },
  })
  const { port, authority, lines } = await tlsApp(t, { deps: { operations: watching } })
  const client = await authority.issueClient({ name: 'CN=wallet\\, O=Other, O=Example' })
  assert.equal((await askTls(MAKE, port, authority, client)).status, 200)
  assert.deepEqual(seen, { fingerprint: client.fingerprint, subject: 'CN=wallet\\, O=Other, O=Example' })
  assert.deepEqual(lines, [])
})

test('a client of an authority below, which shows its chain', async (t) => {
  const { port, authority } = await tlsApp(t)
  const below = await authority.issueAuthority('CN=Below')
  const client = await below.issueClient()
  const chain = { ...client, cert: `${client.cert}\n${below.cert}` }
  assert.equal((await askTls(MAKE, port, authority, chain)).status, 200)
})

test('a certificate without a purpose is good for every purpose', async (t) => {
  const { port, authority } = await tlsApp(t)
  const client = await authority.issueClient({ purpose: 'none' })
  assert.equal((await askTls(MAKE, port, authority, client)).status, 200)
})

const REFUSED: Readonly<
  Record<string, readonly [string, (app: TlsApp) => Promise<TestCertificate | undefined>]>
> = {
  'no certificate': ['no_certificate', async () => undefined],
  'a self-signed certificate': ['unknown_issuer', () => makeSelfSigned()],
  'a certificate of another authority': [
    'unknown_issuer',
    async () => (await makeAuthority('CN=Other')).issueClient(),
  ],
  'a certificate of another authority of the same name': [
    'unknown_issuer',
    async () => (await makeAuthority()).issueClient(),
  ],
  'a certificate that has expired': [
    'expired',
    ({ authority }) => authority.issueClient({ notBefore: new Date(+AGO - DAY_MS), notAfter: AGO }),
  ],
  'a certificate that is not valid yet': [
    'not_yet_valid',
    ({ authority }) => authority.issueClient({ notBefore: AHEAD }),
  ],
  'a certificate of a server': ['wrong_purpose', ({ authority }) => authority.issueServer()],
}

for (const [name, [reason, make]] of Object.entries(REFUSED)) {
  test(`401 for ${name}, and a line that says ${reason}`, async (t) => {
    const { operations, begun } = counted()
    const app = await tlsApp(t, { deps: { operations } })
    await assertRefused(app, await make(app), reason)
    assert.equal(begun(), 0)
  })
}

test('401 for a certificate of the right authority that is not pinned', async (t) => {
  const pinned = await makeSelfSigned()
  const app = await tlsApp(t, { pins: pinned.fingerprint })
  await assertRefused(app, await app.authority.issueClient(), 'not_pinned')
})

test('a pin does not stand in for the authority', async (t) => {
  const pinned = await makeSelfSigned()
  const app = await tlsApp(t, { pins: pinned.fingerprint })
  await assertRefused(app, pinned, 'unknown_issuer')
})

test('where fingerprints decide, only the pinned get in, in their time and for their purpose', async (t) => {
  const good = await makeSelfSigned()
  const old = await makeSelfSigned({ notBefore: new Date(+AGO - DAY_MS), notAfter: AGO })
  const early = await makeSelfSigned({ notBefore: AHEAD })
  const server = await makeSelfSigned({ purpose: 'server' })
  const stranger = await makeSelfSigned()
  const pins = [good, old, early, server].map(({ fingerprint }) => fingerprint).join('\n')
  const { port, authority, lines } = await tlsApp(t, { pins, selfSigned: true })
  assert.equal((await askTls(MAKE, port, authority, good)).status, 200)
  for (const client of [old, early, server, stranger, await authority.issueClient(), undefined]) {
    assert.equal((await askTls(MAKE, port, authority, client)).status, 401)
  }
  const reasons = lines.map(({ fields }) => fields.reason)
  const strangers = ['not_pinned', 'not_pinned', 'no_certificate']
  assert.deepEqual(reasons, ['expired', 'not_yet_valid', 'wrong_purpose', ...strangers])
})

test('a certificate that expires while its connection is open is not let in any more', async (t) => {
  let now = new Date()
  const { port, authority } = await tlsApp(t, { clock: () => now })
  const socket = await openTls(port, authority, await authority.issueClient({ notAfter: AHEAD }))
  const all = readAll(socket)
  socket.write(MAKE.replace('Connection: close\r\n', ''))
  await once(socket, 'data')
  now = new Date(+AHEAD + 1_000)
  socket.write(MAKE)
  assert.match(String(await all), /HTTP\/1.1 200 [\s\S]*HTTP\/1.1 401 /)
})

const SUITES: Readonly<Record<string, ConnectionOptions>> = {
  'TLS 1.3 with the hybrid group': { minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768' },
  'TLS 1.3 with X25519': { minVersion: 'TLSv1.3', ecdhCurve: 'X25519' },
  'TLS 1.3 with P-256': { minVersion: 'TLSv1.3', ecdhCurve: 'P-256' },
  'TLS 1.2': { maxVersion: 'TLSv1.2' },
}
for (const [name, options] of Object.entries(SUITES)) {
  for (const keyType of ['EC', 'RSA'] as const) {
    test(`${name}, a client with ${keyType}`, async (t) => {
      const { port, authority } = await tlsApp(t)
      const client = await authority.issueClient({ keyType })
      assert.equal((await askTls(MAKE, port, authority, client, options)).status, 200)
    })
  }
}

const WEAK: Readonly<Record<string, ConnectionOptions>> = {
  'TLS 1.1': { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  'a suite without forward secrecy': { maxVersion: 'TLSv1.2', ciphers: 'AES256-GCM-SHA384' },
  'a CBC suite': { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA384' },
}
for (const [name, options] of Object.entries(WEAK)) {
  test(`${name} is refused in the handshake, and told`, async (t) => {
    const { port, authority, lines, refusals } = await tlsApp(t)
    await assert.rejects(openTls(port, authority, await authority.issueClient(), options))
    while (refusals.length === 0) await new Promise((next) => setImmediate(next))
    assert.deepEqual(refusals, [{ reason: 'handshake_failed', address: '127.0.0.1' }])
    assert.match(String(lines[0]?.fields.code), /^ERR_SSL_/)
  })
}

test('no session is resumed, so that every connection is checked by what is in force', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port, authority } = await tlsApp(t)
    const client = await authority.issueClient()
    const first = await openTls(port, authority, client, { maxVersion })
    let session: Buffer | undefined = first.getSession()
    first.on('session', (next: Buffer) => {
      session = next
    })
    const all = readAll(first)
    first.write(MAKE)
    await all
    assert.ok(session !== undefined)
    const second = await openTls(port, authority, client, { maxVersion, session })
    assert.equal(second.isSessionReused(), false)
    second.destroy()
  }
})

test('a client that shows no certificate and asks nothing is told of when it leaves', async (t) => {
  const { app, port, authority, refusals } = await tlsApp(t)
  const entered = once(app.server, 'secureConnection')
  const socket = await openTls(port, authority)
  await entered
  socket.destroy()
  while (refusals.length === 0) await new Promise((next) => setImmediate(next))
  assert.deepEqual(refusals, [{ reason: 'no_certificate', address: '127.0.0.1' }])
})

test('whoever only looks whether the port is open leaves no line', async (t) => {
  const { app, port, authority, refusals, lines } = await tlsApp(t)
  const closed = new Promise<void>((resolve) =>
    app.server.once('connection', (socket) => socket.once('close', resolve)),
  )
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.end()
  await closed
  assert.equal((await askTls(MAKE, port, authority, await authority.issueClient())).status, 200)
  assert.deepEqual([refusals, lines], [[], []])
})

test('many refusals leave few lines, and every one is counted', async (t: TestContext) => {
  const { port, authority, lines, refusals, log } = await tlsApp(t)
  for (let n = 0; n < 30; n++) await askTls(MAKE, port, authority)
  assert.equal(refusals.length, 30)
  assert.equal(lines.length, 20)
  assert.deepEqual(
    log.filter(({ msg }) => msg !== undefined && /request/.test(msg)),
    [],
  )
})

test('a handshake that does not end in time is ended, and told', async (t) => {
  const { port, refusals, lines } = await tlsApp(t, { handshakeTimeout: 100 })
  const socket = connect(port, '127.0.0.1')
  // A record that promises more than ever comes.
  socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
  await readAll(socket)
  while (refusals.length === 0) await new Promise((next) => setImmediate(next))
  assert.deepEqual(refusals, [{ reason: 'handshake_failed', address: '127.0.0.1' }])
  assert.equal(lines[0]?.fields.code, 'ERR_TLS_HANDSHAKE_TIMEOUT')
})
