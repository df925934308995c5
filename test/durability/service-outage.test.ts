import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { holdWriteLock } from '../adapters/repository/sqlite/support.ts'
import { withDatabase } from '../support/mongo-server/database.ts'
import { missingMongoServer, startMongoServer } from '../support/mongo-server.ts'
import { simulatorFor } from '../support/simulator.ts'
import { type Answer, ask } from './support/client.ts'
import { newInstance, sqliteIn } from './support/instance.ts'
import { keyNamed, pathOf } from './support/keys.ts'

const STORE_TIMEOUT_MS = 2_000
/** What a busy machine may add to a deadline; a call that hangs takes longer still. */
const PATIENCE_MS = 20_000
const LIMIT = { timeout: 180_000 }

const BEFORE = keyNamed({ pub: 'before', source: 'user' })
const DURING = keyNamed({ pub: 'during', source: 'user' })

/** A service with a key in its store, and its health address. */
const startService = async (t: TestContext, databaseUrl: string) => {
  const instance = await newInstance(t, await simulatorFor(t), databaseUrl, {
    STORE_TIMEOUT_MS: String(STORE_TIMEOUT_MS),
    HEALTH_BIND: '127.0.0.1:0',
  })
  const { url, output, child } = await instance.start()
  const [, healthUrl = ''] = /"health":"([^"]+)"/.exec(output.join('\n')) ?? []
  assert.equal((await ask(url, '/key', BEFORE)).status, 200)
  return { url, healthUrl, child }
}

const assertUnavailable = async (asking: Promise<Answer>): Promise<void> => {
  const asked = performance.now()
  const { status, headers, body } = await asking
  assert.deepEqual([status, body.code], [503, 'store_unavailable'])
  assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
  assert.ok(performance.now() - asked < STORE_TIMEOUT_MS + PATIENCE_MS)
}

/** Readiness is cached for a second, and found out in a time of its own. */
const becomes = async (healthUrl: string, status: number): Promise<void> => {
  for (const limit = performance.now() + PATIENCE_MS; ; await sleep(100)) {
    if ((await ask(healthUrl, '/readyz')).status === status) return
    assert.ok(performance.now() < limit, `/readyz never became ${status}`)
  }
}

test('MongoDB: a server that is away is 503 and not ready, and is used again without another start', {
  ...LIMIT,
  skip: missingMongoServer() ?? false,
}, async (t) => {
  const server = await startMongoServer(t)
  const { url, healthUrl, child } = await startService(t, withDatabase(server.url, 'cofre'))
  await becomes(healthUrl, 200)
  await server.stop()
  await Promise.all([
    assertUnavailable(ask(url, '/key', DURING)),
    assertUnavailable(ask(url, pathOf(BEFORE))),
    becomes(healthUrl, 503),
  ])
  assert.equal((await ask(healthUrl, '/livez')).status, 200)
  await server.restart()
  await becomes(healthUrl, 200)
  assert.deepEqual((await ask(url, pathOf(BEFORE))).body, BEFORE)
  assert.equal((await ask(url, '/key', DURING)).status, 200)
  assert.equal(child.exitCode, null)
})

test('SQLite: while another process keeps the lock, writes are 503 and reads go on', LIMIT, async (t) => {
  const databaseUrl = await sqliteIn(t)
  const { url, healthUrl } = await startService(t, databaseUrl)
  await becomes(healthUrl, 200)
  const release = holdWriteLock(databaseUrl.replace('sqlite:', ''))
  await Promise.all([assertUnavailable(ask(url, '/key', DURING)), becomes(healthUrl, 503)])
  assert.deepEqual((await ask(url, pathOf(BEFORE))).body, BEFORE)
  release()
  await becomes(healthUrl, 200)
  assert.equal((await ask(url, '/key', DURING)).status, 200)
})
