import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  anchorFor,
  auditSettings,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../support/simulator.ts'
import { runCofre, temporaryFolder } from './run-cofre.ts'

type Variables = Readonly<Record<string, string>>

/** All that `serve` needs, with an HSM in this process. */
const settingsFor = async (t: TestContext): Promise<Variables> => {
  const simulator = await simulatorFor(t)
  const folder = await temporaryFolder(t)
  return {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator),
    ...auditSettings(folder),
  }
}

const start = async (t: TestContext, settings: Variables): Promise<ServiceProcess> => {
  const service = await startServiceProcess('serve', settings)
  t.after(() => service.kill())
  return service
}

test('serve runs on what the environment gives, and puts on record what it did', async (t) => {
  const settings = await settingsFor(t)
  const service = await start(t, settings)
  const answer = await fetch(`${service.url}/generateDataKey`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"keyType":"AES-256"}',
  })
  assert.equal(answer.status, 200)
  assert.equal(await service.stop(), 0)
  const log = await readFile(settings.AUDIT_LOG ?? '', 'utf8')
  assert.equal(log.match(/"operation":"generateDataKey"/g)?.length, 1)
  assert.equal(log.match(/"variable":"POLICY","value":"open"/g)?.length, 1)
  assert.match(service.output.join('\n'), /POLICY is open: every client that gets in may do everything/)
})

test('a secret may come in a file', async (t) => {
  const { DINAMO_PASSWORD = '', ...settings } = await settingsFor(t)
  const path = join(await temporaryFolder(t), 'password')
  await writeFile(path, `${DINAMO_PASSWORD}\n`, { mode: 0o600 })
  const service = await start(t, { ...settings, DINAMO_PASSWORD_FILE: path })
  assert.equal(await service.stop(), 0)
})

test('no secret is in the output, at any level', async (t) => {
  const settings: Variables = { ...(await settingsFor(t)), LOG_LEVEL: 'trace' }
  const service = await start(t, settings)
  await service.stop()
  const output = service.output.join('\n')
  const [, keyLine = ''] = (settings.AUDIT_KEY ?? '').split('\n')
  for (const secret of [settings.DINAMO_PASSWORD ?? '', keyLine]) assert.ok(!output.includes(secret))
})

test('whatever is missing or insecure ends it with a line that names the variable', async (t) => {
  const settings = await settingsFor(t)
  const cases: readonly (readonly [Variables, RegExp])[] = [
    [{ BIND: '0.0.0.0' }, /TLS_MODE is disabled while BIND is 0\.0\.0\.0/],
    [{ DATABASE_URL: 'memory:' }, /DATABASE_URL is memory:/],
    [{ HSM_PROVIDER: 'memory' }, /HSM_PROVIDER is memory/],
    [{ DINAMO_PASSWORD: '' }, /DINAMO_PASSWORD is empty/],
    [{ DINAMO_USERNAME: 'a'.repeat(17) }, /DINAMO_USERNAME is "a{17}"/],
    [{ POLICY: 'closed' }, /POLICY is "closed": it must be open/],
    [{ POLICY_FILE: '/policy.json' }, /POLICY and POLICY_FILE are both set/],
    [{ PORT: 'http' }, /PORT is "http"/],
    [{ TLS_MODE: 'mtls' }, /SERVER_TLS_KEY_PATH is missing/],
    [{ AUDIT_KEY: 'not a key' }, /AUDIT_KEY must be the PEM of an Ed25519 private key/],
    [{ HSM_PROVIDER: 'nobody' }, /"nobody" is not known.*dinamo, memory, pkcs11/],
  ]
  for (const [change, expected] of cases) {
    const { code, stderr } = await runCofre(['serve'], { ...settings, ...change })
    assert.notEqual(code, 0)
    assert.match(stderr, expected)
    for (const line of stderr.trimEnd().split('\n')) assert.match(line, /^cofre serve: /)
  }
})

test('everything that is wrong is said at once, and no store is made for it', async (t) => {
  const settings = await settingsFor(t)
  const wrong = {
    STORE_ANCHOR: 'cofre1-x',
    AUDIT_KEY: 'not a key',
    DINAMO_HOST: 'a,a',
    DINAMO_CERT_SHA256: 'ab',
    HSM_READ_PROVIDERS: 'pkcs11',
    PKCS11_LIBRARY: '/lib/none.so',
    PKCS11_PIN: '1234',
  }
  const { code, stderr } = await runCofre(['serve'], { ...settings, ...wrong })
  assert.equal(code, 78)
  assert.deepEqual(
    stderr.match(/^cofre serve: \S+/gm),
    ['STORE_ANCHOR', 'AUDIT_KEY', 'DINAMO_HOST', 'DINAMO_CERT_SHA256', 'PKCS11_TOKEN_LABEL'].map(
      (name) => `cofre serve: ${name}`,
    ),
  )
  await assert.rejects(access((settings.DATABASE_URL ?? '').slice('sqlite:'.length)))
})

test('a port that is taken ends the start, and nothing is left open', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const settings = await settingsFor(t)
  const STORE_ANCHOR = await anchorFor(settings)
  for (const change of [{ PORT: String(port) }, { HEALTH_BIND: `127.0.0.1:${port}` }]) {
    const { code, stderr } = await runCofre(['serve'], { ...settings, STORE_ANCHOR, ...change })
    assert.equal(code, 78)
    assert.match(
      stderr,
      /^cofre serve: (BIND and PORT|HEALTH_BIND): can't listen on 127\.0\.0\.1 port \d+, something/,
    )
  }
})

test('serve does not run under a debugger', async () => {
  const { code, stderr } = await runCofre(['serve'], { NODE_OPTIONS: '--inspect=127.0.0.1:0' })
  assert.equal(code, 78)
  assert.match(stderr, /cofre serve: does not run under a debugger/)
})

test('nor without the launcher', async () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
  for (const option of ['--inspect=127.0.0.1:0', '--heapsnapshot-signal=SIGUSR2']) {
    const child = spawn(process.execPath, [option, main, 'serve'], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')])
    assert.equal(child.exitCode, 78)
    assert.match(stderr, /cofre serve: does not run under a debugger/)
  }
})

test('serve refuses secrets in sight, unchecked certificates, and an audit log behind a link', async (t) => {
  const { DINAMO_PASSWORD = '', ...rest } = await settingsFor(t)
  const folder = await temporaryFolder(t)
  const path = join(folder, 'password')
  await writeFile(path, DINAMO_PASSWORD)
  await chmod(path, 0o644)
  const link = join(folder, 'link.log')
  await symlink(join(folder, 'audit.log'), link)
  const settings = { ...rest, STORE_ANCHOR: await anchorFor({ ...rest, DINAMO_PASSWORD }) }
  for (const [change, expected] of [
    [{ DINAMO_PASSWORD_FILE: path }, /DINAMO_PASSWORD_FILE: .*password holds a secret and has mode 0644/],
    [
      { DINAMO_PASSWORD, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      /does not run with NODE_TLS_REJECT_UNAUTHORIZED=0/,
    ],
    [{ DINAMO_PASSWORD, AUDIT_LOG: link }, /AUDIT_LOG: .*link\.log is a link/],
  ] as const) {
    const { code, stderr } = await runCofre(['serve'], { ...settings, ...change })
    assert.equal(code, 78, stderr)
    assert.match(stderr, expected)
  }
})

test('the audit log is readable by its owner alone, also where it was not before', async (t) => {
  const settings = await settingsFor(t)
  const path = settings.AUDIT_LOG ?? ''
  for (const mode of [undefined, 0o644]) {
    if (mode !== undefined) await chmod(path, mode)
    const service = await start(t, settings)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await service.stop(), 0)
  }
})
