import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'
import { simulatorFor, USER } from '../support/simulator.ts'
import { runCofre, temporaryFolder } from './run-cofre.ts'

const startDev = async (
  t: TestContext,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> => {
  const service = await startServiceProcess('dev', {
    DATA_DIR: folder,
    PORT: '0',
    HEALTH_BIND: '127.0.0.1:0',
    ...environment,
  })
  t.after(() => service.kill())
  return service
}

const post = async (url: string, body: object): Promise<Record<string, string>> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Record<string, string>
}

const get = async (url: string): Promise<Record<string, string>> => {
  const response = await fetch(url)
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Record<string, string>
}

const KEY = {
  prv: 'xprv-that-nobody-may-find',
  pub: 'xpub',
  coin: 'tbtc',
  source: 'user',
  type: 'independent',
}

/** The bytes of every file of a folder. */
const contentsOf = async (folder: string): Promise<Buffer> => {
  const names = await readdir(folder)
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))))
}

test('what was stored, and a data key that was generated, survive kill -9', async (t) => {
  const folder = join(await temporaryFolder(t), 'data')
  const first = await startDev(t, folder)
  await post(`${first.url}/key`, KEY)
  const { plaintextKey, encryptedKey } = await post(`${first.url}/generateDataKey`, { keyType: 'AES-256' })
  await first.kill()

  const second = await startDev(t, folder)
  assert.equal((await get(`${second.url}/key/xpub?source=user`)).prv, KEY.prv)
  assert.deepEqual(await post(`${second.url}/decryptDataKey`, { encryptedKey }), { plaintextKey })
  assert.equal(await second.stop(), 0)

  const log = [...first.output, ...second.output].join('\n')
  for (const secret of [KEY.prv, plaintextKey ?? '']) {
    assert.ok(!log.includes(secret))
    assert.ok(!(await contentsOf(folder)).includes(secret))
  }
})

test('the banner warns, says where it listens and what a wallet server needs, and its curls work', async (t) => {
  const service = await startDev(t, await temporaryFolder(t))
  assert.equal(await service.stop(), 0)
  const output = service.output.join('\n')
  assert.match(output, /FOR DEVELOPMENT/)
  assert.match(output, new RegExp(`Listening on +${service.url}`))
  assert.match(output, new RegExp(`wallet server needs: the URL ${service.url}, with TLS off`))
  const again = await startDev(t, await temporaryFolder(t), { PORT: new URL(service.url).port })
  const [, body] = /-d '(\{[^']+\})'/.exec(output) ?? []
  const [, path] = /curl -sS '[^']*(\/key\/[^']+)'/.exec(output) ?? []
  const stored = JSON.parse(body ?? '') as { prv: string }
  await post(`${again.url}/key`, stored)
  assert.equal((await get(again.url + path)).prv, stored.prv)
})

test('DATA_DIR is its owner’s alone', async (t) => {
  const folder = join(await temporaryFolder(t), 'data')
  const service = await startDev(t, folder)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  const names = await readdir(folder)
  assert.ok(names.includes('cofre.sqlite') && names.includes('hsm-simulator.json'), names.join())
  for (const name of names) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name)
  await service.stop()
})

test('an HSM that is named is used instead of the simulator', async (t) => {
  const simulator = await simulatorFor(t)
  const folder = await temporaryFolder(t)
  const service = await startDev(t, folder, {
    DINAMO_HOST: `127.0.0.1:${simulator.port}`,
    DINAMO_USERNAME: USER.username,
    DINAMO_PASSWORD: USER.password,
    DINAMO_CERT_SHA256: simulator.certificateSha256,
  })
  await post(`${service.url}/key`, KEY)
  assert.ok(simulator.stats.logins > 0)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.json')),
    [],
  )
  await service.stop()
})

test('the simulator takes the credentials that are given, from a file too', async (t) => {
  const folder = await temporaryFolder(t)
  const password = join(folder, 'password')
  await writeFile(password, 'from-a-file\n')
  const service = await startDev(t, folder, { DINAMO_USERNAME: 'me', DINAMO_PASSWORD_FILE: password })
  await post(`${service.url}/key`, KEY)
  await service.stop()
  const { code, stderr } = await runCofre(['dev'], { DATA_DIR: folder, DINAMO_USERNAME: 'a'.repeat(17) })
  assert.equal(code, 78)
  assert.match(stderr, /^cofre dev: DINAMO_USERNAME is "a{17}": it must be 1 to 16 printable/)
})

test('HSM_PROVIDER=memory with a memory store runs, loudly, and leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t)
  const service = await startDev(t, folder, { HSM_PROVIDER: 'memory', DATABASE_URL: 'memory:' })
  await post(`${service.url}/key`, KEY)
  assert.equal((await get(`${service.url}/key/xpub?source=user`)).prv, KEY.prv)
  assert.equal(await service.stop(), 0)
  assert.match(service.output.join('\n'), /HSM_PROVIDER=memory: there is no HSM/)
  assert.deepEqual(await readdir(folder), [])
})

test('the example of a provider runs from the clone as it stands', async (t) => {
  const folder = await temporaryFolder(t)
  const service = await startDev(t, folder, {
    HSM_PROVIDER: fileURLToPath(new URL('../../examples/hsm-plugin/keystore-hsm.ts', import.meta.url)),
    KEYSTORE_FILE: join(folder, 'keystore.db'),
    KEYSTORE_PASSPHRASE: 'correct horse battery',
  })
  const { plaintextKey, encryptedKey } = await post(`${service.url}/generateDataKey`, { keyType: 'AES-256' })
  assert.deepEqual(await post(`${service.url}/decryptDataKey`, { encryptedKey }), { plaintextKey })
  assert.equal(await service.stop(), 0)
})

test('the health server answers in dev, too', async (t) => {
  const service = await startDev(t, await temporaryFolder(t))
  const [, health] = /"health":"([^"]+)"/.exec(service.output.join('\n')) ?? []
  assert.deepEqual(await get(`${health}/livez`), { status: 'ok' })
  assert.deepEqual(await get(`${health}/readyz`), { status: 'ok' })
  await service.stop()
})

test('a state file that is none stops the start in one line that names it, and stays as it is', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'hsm-simulator.json')
  await writeFile(path, '{"keys":"precious"}')
  const { code, stderr } = await runCofre(['dev'], { DATA_DIR: folder, PORT: '0', HEALTH_BIND: 'off' })
  assert.equal(code, 78)
  assert.match(stderr, /^cofre dev: .*hsm-simulator\.json is not a simulator state.*\n$/)
  assert.ok(!stderr.includes('precious'))
  assert.equal(await readFile(path, 'utf8'), '{"keys":"precious"}')
})

test('dev is for this machine alone', async () => {
  const { code, stderr } = await runCofre(['dev'], { BIND: '10.0.0.1' })
  assert.equal(code, 78)
  assert.match(stderr, /^cofre dev: BIND is 10\.0\.0\.1: in dev it must be a loopback address/)
})
