import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, type TestContext, test } from 'node:test'
import {
  anchorFor,
  auditSettings,
  initialize,
  type ServiceProcess,
  startServiceProcess,
} from '../../../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../../../support/simulator.ts'
import { missingSoftHsm, type SoftHsmToken, softHsmToken } from '../../../support/softhsm.ts'

type Variables = Readonly<Record<string, string>>

const missing = missingSoftHsm()

const pkcs11Settings = ({ library, label, pin, environment }: SoftHsmToken): Variables => ({
  HSM_PROVIDER: 'pkcs11',
  PKCS11_LIBRARY: library,
  PKCS11_TOKEN_LABEL: label,
  PKCS11_PIN: pin,
  SOFTHSM2_CONF: environment.SOFTHSM2_CONF ?? '',
})

interface Place {
  readonly settings: Variables
  readonly database: string
}

const newPlace = async (t: TestContext): Promise<Place> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-pkcs11-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const database = join(folder, 'cofre.sqlite')
  const settings = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    DATABASE_URL: `sqlite:${database}`,
    ...auditSettings(folder),
  }
  return { settings, database }
}

const start = async (t: TestContext, settings: Variables): Promise<ServiceProcess> => {
  const service = await startServiceProcess('serve', settings)
  t.after(() => service.kill())
  return service
}

const post = async (service: ServiceProcess, path: string, body: object): Promise<Record<string, string>> => {
  const answer = await fetch(`${service.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 200)
  return (await answer.json()) as Record<string, string>
}

const store = (service: ServiceProcess, pub: string): Promise<unknown> =>
  post(service, '/key', { pub, prv: `prv of ${pub}`, coin: 'tbtc', source: 'user', type: 'independent' })

const read = async (service: ServiceProcess, pub: string) => {
  const answer = await fetch(`${service.url}/key/${pub}?source=user`)
  return {
    status: answer.status,
    ...((await answer.json()) as { readonly prv?: string; readonly code?: string }),
  }
}

const providersIn = (path: string): Readonly<Record<string, string>> => {
  using database = new DatabaseSync(path, { readOnly: true })
  const rows = database.prepare('SELECT pub, provider FROM private_keys').all()
  return Object.fromEntries(rows.map(({ pub, provider }) => [String(pub), String(provider)]))
}

suite('the service on a SoftHSM token', { skip: missing }, () => {
  test('serves the four operations, and again after kill -9', async (t) => {
    const { settings, database } = await newPlace(t)
    const environment = { ...settings, ...pkcs11Settings(await softHsmToken(t)) }
    const first = await start(t, environment)
    await store(first, 'one')
    const dataKey = await post(first, '/generateDataKey', { keyType: 'AES-256' })
    await first.kill()
    const second = await start(t, environment)
    assert.equal((await read(second, 'one')).prv, 'prv of one')
    const { encryptedKey, plaintextKey } = dataKey
    assert.deepEqual(await post(second, '/decryptDataKey', { encryptedKey }), { plaintextKey })
    await store(second, 'two')
    assert.equal((await read(second, 'two')).prv, 'prv of two')
    assert.deepEqual(providersIn(database), { one: 'pkcs11', two: 'pkcs11' })
    assert.equal(await second.stop(), 0)
  })

  test('reads what Dinamo wrote while it writes, and says which provider is missing without it', async (t) => {
    const { settings, database } = await newPlace(t)
    const dinamo = dinamoSettings(await simulatorFor(t))
    const pkcs11 = pkcs11Settings(await softHsmToken(t))
    const before = await start(t, { ...settings, ...dinamo })
    await store(before, 'old')
    const { encryptedKey = '', plaintextKey } = await post(before, '/generateDataKey', { keyType: 'AES-256' })
    await before.stop()

    const together = { ...settings, ...dinamo, ...pkcs11, HSM_READ_PROVIDERS: 'dinamo' }
    await assert.rejects(start(t, together), /has no root key of pkcs11 for row-user, and a start makes none/)
    const STORE_ANCHOR = await anchorFor(settings)
    assert.equal(await initialize({ ...together, STORE_ANCHOR }), STORE_ANCHOR)
    const both = await start(t, together)
    assert.equal((await read(both, 'old')).prv, 'prv of old')
    assert.deepEqual(await post(both, '/decryptDataKey', { encryptedKey }), { plaintextKey })
    await store(both, 'new')
    assert.deepEqual(providersIn(database), { old: 'dinamo', new: 'pkcs11' })
    await both.stop()

    const alone = await start(t, { ...settings, ...pkcs11 })
    assert.equal((await read(alone, 'new')).prv, 'prv of new')
    const { status, code } = await read(alone, 'old')
    assert.deepEqual({ status, code }, { status: 503, code: 'provider_unavailable' })
    await alone.stop()
    const line = alone.output.find((text) => text.includes('provider_unavailable'))
    assert.match(line ?? '', /"provider":"dinamo"/)
  })
})
