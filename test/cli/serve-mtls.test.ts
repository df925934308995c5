import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate, type ServerCertificate } from '../../src/simulator/certificate.ts'
import { auditSettings, SOME_ANCHOR, startServiceProcess } from '../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../support/simulator.ts'
import { runCofre, temporaryFolder } from './run-cofre.ts'

const fingerprintOf = ({ cert }: ServerCertificate): string => new X509Certificate(cert).fingerprint256

/** Settings of a service that lets in whoever has a fingerprint of its list, and the client that has one. */
const bench = async (t: TestContext) => {
  const folder = await temporaryFolder(t)
  const simulator = await simulatorFor(t)
  const [server, client] = await Promise.all([makeCertificate(), makeCertificate()])
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const settings = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    SERVER_TLS_CERT_PATH: await write('server.pem', server.cert),
    SERVER_TLS_KEY_PATH: await write('server.key', server.key),
    CLIENT_CERT_ALLOW_SELF_SIGNED: 'true',
    MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: await write('clients', fingerprintOf(client)),
    POLICY_FILE: await write(
      'policy.json',
      JSON.stringify({
        clients: [{ name: 'wallet', fingerprints: [fingerprintOf(client)], operations: ['generateDataKey'] }],
      }),
    ),
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator),
    ...auditSettings(folder),
  }
  const ask = async (url: string, path: string, body: object, identity?: ServerCertificate) => {
    const asked = request(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ca: server.cert,
      servername: 'localhost',
      agent: false,
      ...identity,
    })
    asked.end(JSON.stringify(body))
    const [response] = await once(asked, 'response')
    return { status: response.statusCode as number, body: JSON.parse(await text(response)) }
  }
  return { settings, write, client, ask }
}

const DATA_KEY = ['/generateDataKey', { keyType: 'AES-256' }] as const

test('only a pinned client gets in, and may do what the policy says; both follow their files on SIGHUP', async (t) => {
  const { settings, write, client, ask } = await bench(t)
  const service = await startServiceProcess('serve', settings)
  t.after(() => service.kill())
  assert.match(service.url, /^https:/)
  const stranger = await makeCertificate()
  const ofStranger = await ask(service.url, ...DATA_KEY, stranger).then(
    ({ status }) => status,
    () => 401,
  )
  assert.equal(ofStranger, 401)
  assert.equal((await ask(service.url, ...DATA_KEY, client)).status, 200)
  const stored = { prv: 'x', pub: 'p', coin: 'tbtc', source: 'user', type: 'tss' }
  assert.equal((await ask(service.url, '/key', stored, client)).body.code, 'forbidden')

  await write('clients', fingerprintOf(stranger))
  service.child.kill('SIGHUP')
  for (let status = 0; status !== 403; await sleep(20)) {
    status = await ask(service.url, ...DATA_KEY, stranger).then(
      (answer) => answer.status,
      () => 401,
    )
    assert.ok(status === 401 || status === 403, String(status))
  }
  assert.equal(await service.stop(), 0)
})

test('with POLICY=open everybody who gets in may do everything, and log and audit log say so', async (t) => {
  const { settings, client, ask } = await bench(t)
  const { POLICY_FILE: _, ...rest } = settings
  const service = await startServiceProcess('serve', { ...rest, POLICY: 'open' })
  t.after(() => service.kill())
  const warning = /"level":40.*POLICY is open: every client that gets in may do everything/
  assert.equal(service.output.filter((line) => warning.test(line)).length, 1)
  assert.equal((await ask(service.url, ...DATA_KEY, client)).status, 200)
  await service.stop()
  const { AUDIT_LOG, AUDIT_KEY } = settings
  const log = await readFile(AUDIT_LOG, 'utf8')
  assert.equal(log.match(/"kind":"configuration","variable":"POLICY","value":"open"/g)?.length, 1)
  const told = await runCofre(['audit', 'tail', AUDIT_LOG], {})
  assert.match(told.stdout, / configuration variable=POLICY value=open$/m)
  const verified = await runCofre(['audit', 'verify', AUDIT_LOG], { AUDIT_KEY })
  assert.equal(verified.code, 0, verified.stderr)
})

test('without a policy, and without POLICY=open, the start is refused', async (t) => {
  const { settings } = await bench(t)
  const { POLICY_FILE: _, ...rest } = settings
  const { code, stderr } = await runCofre(['serve'], { ...rest, STORE_ANCHOR: SOME_ANCHOR })
  assert.equal(code, 78)
  assert.match(stderr, /^cofre serve: POLICY_FILE is missing: .*POLICY=open/m)
})

test('files that are missing or wrong end the start with their variables', async (t) => {
  const { settings, write } = await bench(t)
  const none = join(await temporaryFolder(t), 'none')
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [{ SERVER_TLS_KEY_PATH: none }, /SERVER_TLS_KEY_PATH: .*none can't be read \(ENOENT\)/],
    [{ SERVER_TLS_CERT_PATH: await write('junk', 'junk') }, /SERVER_TLS_CERT_PATH/],
    [{ POLICY_FILE: none }, /POLICY_FILE: .*can't be read \(ENOENT\)/],
    [
      {
        POLICY_FILE: await write(
          'names.json',
          '{"clients":[{"name":"w","subjects":["CN=wallet"],"operations":["generateDataKey"]}]}',
        ),
      },
      /POLICY_FILE: .* names clients by subject or SAN/,
    ],
  ]
  for (const [change, expected] of cases) {
    const { code, stderr } = await runCofre(['serve'], { ...settings, STORE_ANCHOR: SOME_ANCHOR, ...change })
    assert.equal(code, 78)
    assert.match(stderr, expected)
  }
})
