import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { openServerTls } from '../../../src/http/tls/server-tls.ts'
import { DAY_MS, makeAuthority, makeSelfSigned, type TestCertificate } from '../../support/certificates.ts'
import { keepingLogger } from '../../support/logger.ts'
import { memoryOperations } from '../support/operations.ts'
import { parseAnswer, readAll, walletRequest } from '../support/raw-client.ts'
import { askTls, openTls, type TlsApp, TlsFolder, tlsApp } from './support/tls-app.ts'

const LIMIT_MS = 20_000
const MAKE = walletRequest('POST', '/generateDataKey', { keyType: 'AES-256' })
const MAKE_AND_STAY = MAKE.replace('Connection: close\r\n', '')

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(5)) if (await holds()) return
  assert.fail('it did not come to that')
}

/** The fingerprint of the certificate that a new connection is shown. */
const shown = async ({ port, authority }: TlsApp, client: TestCertificate): Promise<string> => {
  const socket = await openTls(port, authority, client)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256.replaceAll(':', '').toLowerCase()
}

const WAYS: Readonly<Record<string, (folder: TlsFolder, server: TestCertificate) => void>> = {
  'written in place': (folder, { cert, key }) => {
    folder.write('server.pem', cert)
    folder.write('server.key', key)
  },
  'replaced by renaming': (folder, { cert, key }) => {
    renameSync(folder.write('new.key', key), folder.file('server.key'))
    renameSync(folder.write('new.pem', cert), folder.file('server.pem'))
  },
  'behind links that point elsewhere': (folder, { cert, key }) => {
    const next = folder.file('next')
    mkdirSync(next)
    for (const [name, text] of [
      ['server.pem', cert],
      ['server.key', key],
    ] as const) {
      writeFileSync(join(next, name), text)
      symlinkSync(join(next, name), folder.file(`${name}.link`))
      renameSync(folder.file(`${name}.link`), folder.file(name))
    }
  },
}

for (const [way, change] of Object.entries(WAYS)) {
  test(`a certificate and a key that are ${way} are taken without being asked`, async (t) => {
    const app = await tlsApp(t, { pollMs: 10 })
    const client = await app.authority.issueClient()
    assert.equal(await shown(app, client), app.server.fingerprint)
    const next = await app.authority.issueServer()
    change(app.folder, next)
    await until(async () => (await shown(app, client)) === next.fingerprint)
    assert.ok(app.lines.some(({ message }) => message === 'TLS files reloaded'))
    assert.ok(!app.lines.some(({ level }) => level === 'error'))
  })
}

test('no request fails while certificates change under traffic', async (t) => {
  const app = await tlsApp(t, { pollMs: 10 })
  const { port, authority, folder, lines } = app
  const clients = await Promise.all([1, 2, 3].map(() => authority.issueClient()))
  const statuses: number[] = []
  let going = true
  const oneByOne = async (client: TestCertificate): Promise<void> => {
    while (going) statuses.push((await askTls(MAKE, port, authority, client)).status)
  }
  const kept = async ({ cert, key }: TestCertificate): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert, cert, key })
    t.after(() => agent.destroy())
    while (going) {
      const asked = request({ host: '127.0.0.1', port, servername: 'localhost', agent, path: '/nowhere' })
      asked.end()
      const [response] = await once(asked, 'response')
      statuses.push(response.statusCode === 404 ? 200 : response.statusCode)
      response.resume()
      await once(response, 'end')
    }
  }
  const traffic = Promise.all([...clients.map(oneByOne), ...clients.map(kept)])
  const other = await makeAuthority('CN=Next')
  for (let round = 0; round < 6; round++) {
    const before = lines.length
    const server = await authority.issueServer()
    folder.writeAll(server, round % 2 === 0 ? `${other.cert}\n${authority.cert}` : authority.cert)
    await until(() => lines.length > before)
    const count = statuses.length
    await until(() => statuses.length > count + 20)
  }
  going = false
  await traffic
  assert.deepEqual(
    statuses.filter((status) => status !== 200),
    [],
  )
  assert.deepEqual(
    lines.filter(({ level }) => level !== 'info'),
    [],
  )
})

/** Asks on a connection that stays. */
const ask = async (socket: TLSSocket): Promise<string> => {
  socket.write(MAKE_AND_STAY)
  const [answer] = await once(socket, 'data')
  return String(answer)
}

test('a connection that was kept is not authorized any more when its authority is gone', async (t) => {
  const { port, authority, folder, tls, lines, server } = await tlsApp(t)
  const client = await authority.issueClient()
  const asking = await openTls(port, authority, client)
  const idle = await openTls(port, authority, client)
  const ended = readAll(idle)
  assert.match(await ask(asking), /^HTTP\/1.1 200/)
  folder.writeAll(server, (await makeAuthority()).cert)
  await tls.reload()
  const all = readAll(asking)
  asking.write(MAKE_AND_STAY)
  const answer = parseAnswer(await all)
  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('connection'), 'close')
  assert.equal(lines.find(({ message }) => message === 'client refused')?.fields.reason, 'unknown_issuer')
  assert.equal(String(await ended), '')
  assert.equal((await askTls(MAKE, port, authority, client)).status, 401)
})

test('where its authority stays, a kept connection is answered once more, and ends', async (t) => {
  const { port, authority, folder, tls, server } = await tlsApp(t)
  const below = await authority.issueAuthority('CN=Below')
  const { cert, key, fingerprint } = await below.issueClient()
  const chain = { cert: `${cert}\n${below.cert}`, key, fingerprint }
  const sockets = await Promise.all(
    [await authority.issueClient(), chain].map((client) => openTls(port, authority, client)),
  )
  for (const socket of sockets) assert.match(await ask(socket), /^HTTP\/1.1 200/)
  folder.writeAll(server, `${(await makeAuthority('CN=Next')).cert}\n${authority.cert}`)
  await tls.reload()
  for (const socket of sockets) {
    const all = readAll(socket)
    socket.write(MAKE_AND_STAY)
    const answer = parseAnswer(await all)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('connection'), 'close')
  }
})

test('an authority below, kept without its root, vouches for nobody, on kept connections neither', async (t) => {
  const { port, authority, folder, tls, server } = await tlsApp(t)
  const below = await authority.issueAuthority('CN=Below')
  folder.writeAll(server, `${authority.cert}\n${below.cert}`)
  await tls.reload()
  const client = await below.issueClient()
  const socket = await openTls(port, authority, client)
  assert.match(await ask(socket), /^HTTP\/1.1 200/)
  folder.writeAll(server, below.cert)
  await tls.reload()
  assert.match(await ask(socket), /^HTTP\/1.1 401/)
  assert.equal((await askTls(MAKE, port, authority, client)).status, 401)
})

test('what is in flight is answered with Connection: close', async (t) => {
  const started = Promise.withResolvers<void>()
  const { promise, resolve: go } = Promise.withResolvers<void>()
  const operations = memoryOperations()
  const slow = memoryOperations({
    generateDataKey: async (input, context) => {
      started.resolve()
      await promise
      return operations.generateDataKey(input, context)
    },
  })
  const { port, authority, folder, tls, server } = await tlsApp(t, { deps: { operations: slow } })
  const socket = await openTls(port, authority, await authority.issueClient())
  const all = readAll(socket)
  socket.write(MAKE_AND_STAY)
  await started.promise
  folder.writeAll(server, (await makeAuthority()).cert)
  await tls.reload()
  // Longer than an idle connection has.
  await sleep(1_500)
  go()
  const answer = parseAnswer(await all)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('connection'), 'close')
})

test('fingerprints follow their file, on kept connections too', async (t) => {
  const [one, two] = await Promise.all([makeSelfSigned(), makeSelfSigned()])
  const app = await tlsApp(t, { pins: `${one.fingerprint} # the old one`, selfSigned: true })
  const { port, authority, folder, tls } = app
  const socket = await openTls(port, authority, one)
  assert.match(await ask(socket), /^HTTP\/1.1 200/)
  folder.write('pins', `# from today on\r\nsha256:${two.fingerprint.toUpperCase()},`)
  await tls.reload()
  assert.match(await ask(socket), /^HTTP\/1.1 401/)
  assert.equal((await askTls(MAKE, port, authority, one)).status, 401)
  assert.equal((await askTls(MAKE, port, authority, two)).status, 200)
})

const BROKEN: Readonly<Record<string, readonly [file: string, text: string, variable: RegExp]>> = {
  'a certificate that is none': ['server.pem', 'junk', /^SERVER_TLS_CERT_PATH: .*no certificate/],
  'half a certificate': [
    'server.pem',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    /^SERVER_TLS_CERT_PATH: .*can't be read/,
  ],
  'a key that is none': ['server.key', 'junk', /^SERVER_TLS_KEY_PATH: .*no private key/],
  'an empty key': ['server.key', '', /^SERVER_TLS_KEY_PATH: .*is empty/],
  'authorities that are none': ['ca.pem', '# none\n', /^CLIENT_CA_CERT_PATH: .*no certificate/],
  'fingerprints that are none': [
    'pins',
    'ab:cd',
    /^MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: .*"ab:cd" is not a SHA-256 fingerprint/,
  ],
  'no fingerprint at all': [
    'pins',
    '# nobody\n',
    /^MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: .*has no fingerprint/,
  ],
}
for (const [name, [file, text, expected]] of Object.entries(BROKEN)) {
  test(`${name}: refused at the start; later what was in force stays, and one line says why`, async (t) => {
    const authority = await makeAuthority()
    const client = await authority.issueClient()
    const app = await tlsApp(t, { pollMs: 5, pins: client.fingerprint })
    const own = await app.authority.issueClient()
    app.folder.write('pins', own.fingerprint)
    await app.tls.reload()
    const before = app.lines.length
    app.folder.write(file, text)
    await until(() => app.lines.length > before)
    // Many looks later it is still one line.
    await app.tls.reload()
    await app.tls.reload()
    assert.equal(app.lines.length, before + 1)
    assert.equal(app.lines.at(-1)?.level, 'error')
    assert.match(String(app.lines.at(-1)?.fields.problems), expected)
    assert.equal((await askTls(MAKE, app.port, app.authority, own)).status, 200)

    const folder = new TlsFolder(t)
    const settings = folder.writeAll(await authority.issueServer(), authority.cert, client.fingerprint)
    folder.write(file, text)
    await assert.rejects(
      openServerTls({ settings, logger: keepingLogger().logger, onRefusal: () => undefined }),
      (error: Error & { code: string }) => error.code === 'start_refused' && expected.test(error.message),
    )
  })
}

test('a key of another certificate, and missing files, are named all at once', async (t) => {
  const authority = await makeAuthority()
  const folder = new TlsFolder(t)
  const settings = folder.writeAll(await authority.issueServer(), authority.cert)
  const { logger } = keepingLogger()
  const open = () => openServerTls({ settings, logger, onRefusal: () => undefined })
  folder.write('server.key', (await authority.issueServer()).key)
  await assert.rejects(open(), /SERVER_TLS_KEY_PATH: .* is not the key of the certificate in/)
  for (const name of ['server.pem', 'server.key', 'ca.pem'])
    renameSync(folder.file(name), folder.file(`${name}.old`))
  await assert.rejects(
    open(),
    /SERVER_TLS_CERT_PATH: .*\(ENOENT\)\nSERVER_TLS_KEY_PATH: .*\(ENOENT\)\nCLIENT_CA_CERT_PATH: .*\(ENOENT\)/,
  )
})

test('a key that others may read, and certificates near their end, are told at the start and daily', async (t) => {
  const authority = await makeAuthority()
  const folder = new TlsFolder(t)
  const soon = new Date(Date.now() + 10.5 * DAY_MS)
  const settings = folder.writeAll(await authority.issueServer({ notAfter: soon }), authority.cert)
  chmodSync(settings.key.path, 0o644)
  const { logger, lines } = keepingLogger()
  let now = new Date()
  const tls = await openServerTls({
    settings,
    logger,
    onRefusal: () => undefined,
    clock: () => now,
    expiryIntervalMs: 5,
  })
  t.after(() => tls.close())
  assert.match(String(lines[0]?.message), /^SERVER_TLS_KEY_PATH: /)
  assert.equal(lines[1]?.message, 'certificate expires soon')
  assert.equal(lines[1]?.fields.days, 10)
  assert.equal(lines[1]?.fields.role, 'server')
  now = new Date(+soon + 1_000)
  await until(() => lines.at(-1)?.message === 'certificate has expired')
  assert.equal(lines.at(-1)?.level, 'error')
})
