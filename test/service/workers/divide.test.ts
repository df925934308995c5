import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { loadProvider } from '../../../src/adapters/hsm/provider-registry.ts'
import { readConfiguration } from '../../../src/config/configuration.ts'
import { partOf, workerCount } from '../../../src/service/workers/divide.ts'

const ENVIRONMENT = {
  BIND: '127.0.0.1',
  TLS_MODE: 'disabled',
  POLICY: 'open',
  DATABASE_URL: 'mongodb://user:database-password@db/cofre?tls=true',
  HSM_PROVIDER: 'dinamo',
  DINAMO_HOST: 'hsm',
  DINAMO_USERNAME: 'u',
  DINAMO_PASSWORD: 'hsm-password',
  DINAMO_CERT_SHA256: 'ab'.repeat(32),
  DINAMO_MAX_SESSIONS: '7',
  AUDIT_LOG: '/var/log/cofre/audit.jsonl',
  AUDIT_KEY: 'audit-key',
  STORE_ANCHOR: `cofre1-${'0'.repeat(64)}`,
}

const parseAuditKey = (): void => undefined

const read = (change: Readonly<Record<string, string>> = {}) =>
  readConfiguration('serve', { environment: { ...ENVIRONMENT, ...change }, loadProvider, parseAuditKey })

test('one process with SQLite, as many as there are cores with MongoDB, and what WORKERS says', async () => {
  assert.equal(workerCount((await read({ DATABASE_URL: 'sqlite:x' })).service, 8), 1)
  assert.equal(workerCount((await read()).service, 8), 8)
  assert.equal(workerCount((await read()).service, 1_000), 64)
  assert.equal(workerCount((await read({ WORKERS: '3', DATABASE_URL: 'sqlite:x' })).service, 8), 3)
})

test('dev is one process', async () => {
  const environment = { WORKERS: '2', HSM_PROVIDER: 'memory', DATABASE_URL: 'memory:' }
  await assert.rejects(
    readConfiguration('dev', { environment, loadProvider, parseAuditKey }),
    /WORKERS is 2: dev is one process/,
  )
})

test('a part has its own audit log, its share of the sessions, and no health of its own', async () => {
  const { service, providers } = partOf(await read(), { number: 2, count: 3 })
  assert.equal(service.AUDIT_LOG, '/var/log/cofre/audit.2.jsonl')
  assert.equal(service.HEALTH_BIND, 'off')
  assert.equal(providers[0].settings.DINAMO_MAX_SESSIONS, 2)
  assert.equal(providers[0].settings.DINAMO_PASSWORD, 'hsm-password')
})

test('a part has a session at least, and a log without a suffix gets its number', async () => {
  const configuration = await read({ AUDIT_LOG: '/var/log/audit' })
  const { service, providers } = partOf(configuration, { number: 9, count: 9 })
  assert.equal(providers[0].settings.DINAMO_MAX_SESSIONS, 1)
  assert.equal(service.AUDIT_LOG, '/var/log/audit.9')
})

test('the secrets of a part are as little shown as those of the whole', async () => {
  const part = partOf(await read(), { number: 1, count: 2 })
  for (const shown of [JSON.stringify(part), inspect(part, { depth: 9 })]) {
    for (const secret of ['database-password', 'hsm-password', 'audit-key'])
      assert.ok(!shown.includes(secret))
  }
})
