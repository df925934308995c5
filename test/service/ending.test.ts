import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteKeyRepository } from '../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import { activeOf, claimOf, storeOf } from '../contracts/key-repository/samples.ts'
import {
  auditSettings,
  COFRE,
  type ServiceProcess,
  SOME_ANCHOR,
  startServiceProcess,
} from '../support/service-process.ts'
import { simulatorFor, USER } from '../support/simulator.ts'

const LIMIT_MS = 30_000

interface Bench {
  readonly service: ServiceProcess
  readonly health: string
  readonly faults: FaultPlan
  /** The exit code and the signal. */
  readonly ended: Promise<readonly [number | null, string | null]>
}

/** A store whose root key a start asks the HSM for. */
const initializedStore = async (t: TestContext, folder: string): Promise<string> => {
  const path = join(folder, 'initialized.sqlite')
  const store = await openSqliteKeyRepository({ path })
  t.after(() => store.close())
  await store.createStore(storeOf())
  await store.claimRootKey(claimOf())
  await store.activateRootKey(activeOf())
  return path
}

const settingsFor = (folder: string) => ({
  BIND: '127.0.0.1',
  PORT: '0',
  HEALTH_BIND: '127.0.0.1:0',
  TLS_MODE: 'disabled',
  POLICY: 'open',
  DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
  HSM_PROVIDER: 'dinamo',
  DINAMO_USERNAME: USER.username,
  DINAMO_PASSWORD: USER.password,
  ...auditSettings(folder),
})

/** A service in a process, whose HSM is in this one. */
const open = async (t: TestContext, nodeArguments: readonly string[] = []): Promise<Bench> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-ending-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const faults = new FaultPlan()
  const simulator = await simulatorFor(t, { faults })
  const settings = {
    ...settingsFor(folder),
    DINAMO_HOST: `127.0.0.1:${simulator.port}`,
    DINAMO_CERT_SHA256: simulator.certificateSha256,
  }
  const service = await startServiceProcess('serve', settings, { nodeArguments })
  t.after(() => service.kill())
  const [, health = ''] = /"health":"([^"]+)"/.exec(service.output.join('\n')) ?? []
  const ended = once(service.child, 'exit') as Promise<[number | null, string | null]>
  return { service, health, faults, ended }
}

/** Asks for a data key on a connection that would be kept. @returns status, Connection header and body */
const generate = async ({ url }: ServiceProcess) => {
  const asked = request(`${url}/generateDataKey`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'keep-alive' },
  })
  asked.end('{"keyType":"AES-256"}')
  const [response] = await once(asked, 'response')
  return { status: response.statusCode, connection: response.headers.connection, body: await text(response) }
}

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(10)) if (await holds()) return
  assert.fail('it did not come to that')
}

const says = ({ output }: ServiceProcess, message: string): boolean =>
  output.some((line) => line.includes(`"msg":"${message}"`))

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends an idle service with 0`, async (t) => {
    const { service, ended } = await open(t)
    assert.equal((await generate(service)).status, 200)
    service.child.kill(signal)
    assert.deepEqual(await ended, [0, null])
    assert.ok(says(service, 'stopped'))
  })
}

test('a start that waits for its HSM ends as well, and SIGHUP does not end it', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  t.after(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const folder = await mkdtemp(join(tmpdir(), 'cofre-ending-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const settings = {
    ...settingsFor(folder),
    DATABASE_URL: `sqlite:${await initializedStore(t, folder)}`,
    STORE_ANCHOR: SOME_ANCHOR,
    DINAMO_HOST: `127.0.0.1:${port}`,
    DINAMO_CERT_SHA256: 'ab'.repeat(32),
    START_TIMEOUT_MS: '600000',
  }
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [COFRE, 'serve'], { env: { PATH, ...settings }, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const [socket] = (await once(silent, 'connection')) as [Socket]
  t.after(() => socket.destroy())
  child.kill('SIGHUP')
  // Given in the order of their numbers where both wait: the first one would have ended it.
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('a stop answers what is in flight with Connection: close, and is not ready meanwhile', async (t) => {
  const { service, health, faults, ended } = await open(t)
  faults.next('key.create', { kind: 'late', ms: 2_000 })
  const answer = generate(service)
  await until(() => faults.pending === 0)
  assert.equal((await fetch(`${health}/readyz`)).status, 200)
  service.child.kill('SIGTERM')
  await until(() => says(service, 'stopping'))
  assert.equal((await fetch(`${health}/readyz`)).status, 503)
  assert.equal((await fetch(`${health}/livez`)).status, 200)
  await assert.rejects(generate(service), /ECONNREFUSED/)
  const { status, connection, body } = await answer
  assert.equal(status, 200)
  assert.equal(connection, 'close')
  assert.equal(typeof JSON.parse(body).plaintextKey, 'string')
  assert.deepEqual(await ended, [0, null])
})

test('a second signal ends it at once', async (t) => {
  const { service, faults, ended } = await open(t)
  faults.next('key.create', { kind: 'late', ms: 4_500 })
  const answer = assert.rejects(generate(service))
  await until(() => faults.pending === 0)
  service.child.kill('SIGINT')
  await until(() => says(service, 'stopping'))
  // Within a moment it would be taken for the same press of a key.
  await sleep(200)
  service.child.kill('SIGTERM')
  assert.deepEqual(await ended, [143, null])
  await answer
})

test('one press of a key that arrives twice still ends it in order', async (t) => {
  const { service, ended } = await open(t)
  // Two of a kind that wait together would be one.
  service.child.kill('SIGINT')
  service.child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('an error that nobody caught ends it with 1, and its text is not told', async (t) => {
  const thrower =
    "process.once('SIGUSR2', () => { throw new Error(['xprv', 'in', 'an', 'error'].join('-')) })"
  const { service, ended } = await open(t, [
    '--import',
    `data:text/javascript,${encodeURIComponent(thrower)}`,
  ])
  service.child.kill('SIGUSR2')
  assert.deepEqual(await ended, [1, null])
  assert.ok(says(service, 'uncaught exception'))
  assert.ok(!service.output.join('\n').includes('xprv-in-an-error'))
})

test('a rejection that nobody handled ends it with 1', async (t) => {
  const rejecter =
    "process.once('SIGUSR2', () => { Promise.reject(new Error(['xprv', 'in', 'an', 'error'].join('-'))) })"
  const { service, ended } = await open(t, [
    '--import',
    `data:text/javascript,${encodeURIComponent(rejecter)}`,
  ])
  service.child.kill('SIGUSR2')
  assert.deepEqual(await ended, [1, null])
  assert.ok(says(service, 'unhandled rejection'))
  assert.ok(!service.output.join('\n').includes('xprv-in-an-error'))
})

/** Where a process can't become another one, the launcher waits for it. */
const NO_EXECVE = ['--import', 'data:text/javascript,delete process.execve']

test('a launcher that waits passes signals on, and the exit code back', async (t) => {
  const { service, ended } = await open(t, NO_EXECVE)
  assert.ok(
    !service.output.join('\n').includes(`"pid":${service.pid},`),
    'the service is the launcher itself',
  )
  service.child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('a launcher that is killed takes the service with it', async (t) => {
  const { service } = await open(t, NO_EXECVE)
  await service.kill()
  await until(() =>
    fetch(service.url).then(
      () => false,
      () => true,
    ),
  )
})
