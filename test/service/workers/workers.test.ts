import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultPlan } from '../../../src/simulator/fault-plan.ts'
import { runCofre, temporaryFolder } from '../../cli/run-cofre.ts'
import { makeAuthority, makeSelfSigned } from '../../support/certificates.ts'
import {
  auditSettings,
  type ServiceProcess,
  SOME_ANCHOR,
  startServiceProcess,
} from '../../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../../support/simulator.ts'

const LIMIT_MS = 40_000

const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(20)) if (await holds()) return
  assert.fail('it did not come to that')
}

interface Line {
  readonly msg: string
  readonly pid: number
  readonly [field: string]: unknown
}

const linesOf = ({ output }: ServiceProcess): readonly Line[] =>
  output.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))

const linesSaying = (service: ServiceProcess, message: string): readonly Line[] =>
  linesOf(service).filter(({ msg }) => msg === message)

/** Settings of `cofre serve` with workers, whose HSM is in this process. */
const settingsFor = async (t: TestContext, change: Readonly<Record<string, string>> = {}) => {
  const folder = await temporaryFolder(t)
  const faults = new FaultPlan()
  const simulator = await simulatorFor(t, { faults })
  const settings = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: '127.0.0.1:0',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    WORKERS: '2',
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator),
    ...auditSettings(folder),
    ...change,
  }
  return { settings, folder, faults }
}

const open = async (t: TestContext, change: Readonly<Record<string, string>> = {}) => {
  const { settings, folder, faults } = await settingsFor(t, change)
  const service = await startServiceProcess('serve', settings)
  t.after(() => service.kill())
  const ready = linesSaying(service, 'ready')[0]
  return { service, folder, faults, health: String(ready?.health), ready }
}

const generate = async ({ url }: ServiceProcess): Promise<number> => {
  const asked = request(`${url}/generateDataKey`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  })
  asked.end('{"keyType":"AES-256"}')
  const [response] = await once(asked, 'response')
  await text(response)
  return response.statusCode
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('workers share the port, each with an instance and an audit log of its own; one stop ends all', async (t) => {
  const { service, folder, health, ready } = await open(t)
  assert.equal(ready?.workers, 2)
  assert.equal(ready?.pid, service.pid)
  const workers = linesSaying(service, 'worker ready')
  assert.deepEqual(new Set(workers.map(({ worker }) => worker)), new Set([1, 2]))
  assert.equal(new Set(workers.map(({ instance }) => instance)).size, 2)
  assert.deepEqual([...new Set(workers.map(({ url }) => url))], [service.url])

  for (let n = 0; n < 8; n++) assert.equal(await generate(service), 200)
  const served = new Set(linesSaying(service, 'request completed').map(({ pid }) => pid))
  assert.deepEqual(served, new Set(workers.map(({ pid }) => pid)), 'in turn')
  assert.equal(await statusOf(`${health}/readyz`), 200)
  const logs = (await readdir(folder)).filter((name) => /^audit.*\.log$/.test(name))
  assert.deepEqual(logs.sort(), ['audit.1.log', 'audit.2.log'])

  assert.equal(await service.stop(), 0)
  for (const { pid } of workers) assert.equal(isRunning(pid), false)
  assert.equal(linesSaying(service, 'stopped').length, 3)
  assert.ok(!linesOf(service).some(({ level }) => Number(level) >= 50))
})

test('a worker that is killed is started again, under its number; the others serve, and it is ready throughout', async (t) => {
  const { service, health } = await open(t)
  const [victim] = linesSaying(service, 'worker ready')
  process.kill(Number(victim?.pid), 'SIGKILL')
  await until(() => linesSaying(service, 'worker ended: it is started again').length === 1)
  assert.equal(await statusOf(`${health}/readyz`), 200)
  assert.equal(await generate(service), 200)
  await until(() => linesSaying(service, 'worker ready').length === 3)
  const again = linesSaying(service, 'worker ready').at(-1)
  assert.equal(again?.worker, victim?.worker)
  assert.notEqual(again?.pid, victim?.pid)
  for (let n = 0; n < 4; n++) assert.equal(await generate(service), 200)
  assert.ok(linesSaying(service, 'request completed').some(({ pid }) => pid === again?.pid))
  assert.equal(await service.stop(), 0)
})

test('workers do not outlive the first process', async (t) => {
  const { service } = await open(t)
  const pids = linesSaying(service, 'worker ready').map(({ pid }) => pid)
  await service.kill()
  await until(() => !pids.some(isRunning))
})

test('a start that a worker refuses ends with its exit code, and is told once', async (t) => {
  const { settings, folder } = await settingsFor(t)
  const { code, stderr } = await runCofre(['serve'], {
    ...settings,
    STORE_ANCHOR: SOME_ANCHOR,
    AUDIT_LOG: join(folder, 'none', 'log'),
  })
  assert.equal(code, 78)
  assert.match(stderr, /^cofre serve: AUDIT_LOG: [^\n]*\n$/)
})

test('what is in flight is answered before a worker ends', async (t) => {
  const { service, faults } = await open(t)
  faults.next('key.create', { kind: 'late', ms: 2_000 })
  const answer = generate(service)
  await until(() => faults.pending === 0)
  const code = service.stop()
  assert.equal(await answer, 200)
  assert.equal(await code, 0)
})

test('SIGHUP reaches every worker', async (t) => {
  const folder = await temporaryFolder(t)
  const authority = await makeAuthority()
  const server = await authority.issueServer()
  const files = {
    cert: join(folder, 'cert'),
    key: join(folder, 'key'),
    ca: join(folder, 'ca'),
    pins: join(folder, 'pins'),
  }
  await writeFile(files.cert, server.cert)
  await writeFile(files.key, server.key, { mode: 0o600 })
  await writeFile(files.ca, authority.cert)
  await writeFile(files.pins, (await makeSelfSigned()).fingerprint)
  const { service } = await open(t, {
    TLS_MODE: 'mtls',
    SERVER_TLS_CERT_PATH: files.cert,
    SERVER_TLS_KEY_PATH: files.key,
    CLIENT_CA_CERT_PATH: files.ca,
    MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: files.pins,
  })
  await writeFile(files.pins, 'junk')
  service.child.kill('SIGHUP')
  const message = 'TLS files not reloaded: those before stay in force'
  await until(() => new Set(linesSaying(service, message).map(({ pid }) => pid)).size === 2)
})
