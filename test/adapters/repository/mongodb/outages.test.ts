import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { KmsError } from '../../../../src/domain/errors.ts'
import type { PrivateKeyRow } from '../../../../src/ports/key-repository.port.ts'
import { numbered, rowOf, type Store, tally } from '../../../contracts/key-repository/samples.ts'
import { keepingLogger } from '../../../support/logger.ts'
import { withDatabase } from '../../../support/mongo-server/database.ts'
import { startMongoProxy } from '../../../support/mongo-server/proxy.ts'
import { type MongoServer, missingMongoServer, startMongoServer } from '../../../support/mongo-server.ts'
import { openBehindProxy, openStore, PATIENT_MS } from './stores.ts'

const SUPPORT = new URL('../../../support/mongo-server.ts', import.meta.url).href
const DEADLINE_MS = 1_500
const UNAVAILABLE = { name: 'KmsError', code: 'store_unavailable' }

const missing = missingMongoServer()
const server = missing === undefined ? await startMongoServer({ after }) : ({ url: '' } as MongoServer)

/** Resolves once it holds; a machine may take its time. */
const eventually = async (holds: () => Promise<boolean>): Promise<void> => {
  for (const until = Date.now() + PATIENT_MS; !(await holds()); await sleep(50)) {
    assert.ok(Date.now() < until, 'it never came to hold')
  }
}

const isUp = async (store: Store): Promise<boolean> => {
  try {
    await store.ping()
    return true
  } catch {
    return false
  }
}

suite('MongoDB: a server that greets and answers nothing else', { skip: missing ?? false }, () => {
  test('does not hang a start', async (t) => {
    const proxy = await startMongoProxy(t, withDatabase(server.url, 'cofre_test_swallowed'))
    proxy.decide = () => 'swallow'
    await assert.rejects(openStore(t, proxy.url, { deadlineMs: DEADLINE_MS }), {
      ...UNAVAILABLE,
      message: /DATABASE_URL/,
    })
  })

  test('makes every call unavailable before its deadline, and is used again when it answers', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server.url, { deadlineMs: DEADLINE_MS })
    proxy.decide = () => 'swallow'
    const calls = [
      store.insertPrivateKey(rowOf()),
      store.findPrivateKey(rowOf()),
      store.listPrivateKeys({ limit: 1 }),
      store.listRootKeys(),
      store.ping(),
    ]
    assert.deepEqual(tally(await Promise.allSettled(calls)), { store_unavailable: calls.length })
    proxy.decide = () => 'pass'
    await eventually(() => isUp(store))
    await store.insertPrivateKey(rowOf())
    assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
  })

  test('makes a store busy that has too many calls under way', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server.url, { deadlineMs: DEADLINE_MS, maxQueue: 3 })
    proxy.decide = () => 'swallow'
    const waiting = Promise.allSettled(numbered(3).map(() => store.findPrivateKey(rowOf())))
    await assert.rejects(store.findPrivateKey(rowOf()), { name: 'KmsError', code: 'store_busy' })
    for (const { status } of await waiting) assert.equal(status, 'rejected')
  })

  test('does not keep a store from closing', async (t) => {
    const { store, proxy } = await openBehindProxy(t, server.url, { deadlineMs: DEADLINE_MS })
    proxy.decide = () => 'swallow'
    const call = assert.rejects(store.findPrivateKey(rowOf()), UNAVAILABLE)
    await store.close()
    await call
  })
})

suite('MongoDB: a server that is killed', { skip: missing ?? false }, () => {
  test('under load loses no acknowledged row, and is used again without another start', async (t) => {
    const { logger, lines } = keepingLogger()
    const own = await startMongoServer(t)
    const store = await openStore(t, withDatabase(own.url, 'cofre'), { logger, deadlineMs: DEADLINE_MS })
    const acknowledged: PrivateKeyRow[] = []
    const failures: unknown[] = []
    const load = new AbortController()
    const write = async (writer: number): Promise<void> => {
      for (let at = 0; !load.signal.aborted; at++) {
        const row = rowOf({ pub: `${writer}-${at}`, encryptedPrv: `{"row":"${writer}-${at}"}`.repeat(50) })
        try {
          await store.insertPrivateKey(row)
          acknowledged.push(row)
        } catch (error) {
          failures.push(error)
        }
        await sleep(1)
      }
    }
    const writers = numbered(8).map(write)
    const until = async (count: number): Promise<void> =>
      await eventually(async () => acknowledged.length >= count)
    await until(50)
    await own.kill()
    await assert.rejects(store.findPrivateKey(rowOf()), UNAVAILABLE)
    await eventually(async () => failures.length >= writers.length)
    await own.restart()
    await until(acknowledged.length + 50)
    load.abort()
    await Promise.all(writers)

    for (const error of failures) assert.ok(KmsError.is(error, 'store_unavailable'), String(error))
    for (const row of acknowledged) assert.deepEqual(await store.findPrivateKey(row), row)
    const words = lines.map(({ level, message }) => `${level}: ${message}`)
    assert.deepEqual(words.slice(0, 2), [
      'warn: no server of the store takes writes',
      'info: the store takes writes again',
    ])
  })

  test('lets an insert wait that begins while it is away, if it comes back in time', async (t) => {
    const own = await startMongoServer(t)
    const store = await openStore(t, withDatabase(own.url, 'cofre'))
    await own.kill()
    const inserting = store.insertPrivateKey(rowOf())
    await own.restart()
    await inserting
    assert.deepEqual(await store.findPrivateKey(rowOf()), rowOf())
  })
})

suite('MongoDB: a server that is not there', { skip: missing ?? false }, () => {
  test('is unavailable at the start, and says so without the URL', async (t) => {
    const own = await startMongoServer(t)
    await own.stop()
    const url = withDatabase(own.url, 'cofre').replace('://', '://someone:s3cret@')
    await assert.rejects(openStore(t, url, { deadlineMs: DEADLINE_MS }), (error: Error) => {
      assert.ok(KmsError.is(error, 'store_unavailable'))
      assert.equal(error.message, 'The store that DATABASE_URL names did not answer.')
      assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /s3cret/)
      return true
    })
  })

  test('is told from one that refuses the credentials', async (t) => {
    const url = withDatabase(server.url, 'cofre').replace('://', '://someone:s3cret@')
    await assert.rejects(openStore(t, `${url}authMechanism=SCRAM-SHA-256`), (error: Error) => {
      assert.ok(KmsError.is(error, 'start_refused'))
      assert.equal(error.message, 'The store refuses the credentials of DATABASE_URL.')
      assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /s3cret/)
      return true
    })
  })

  test('ends with the process that started it', async (t) => {
    // What a killed process leaves behind.
    const folder = await mkdtemp(join(tmpdir(), 'cofre-mongo-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const env = { ...process.env, TMPDIR: folder }
    const script = `import { startMongoServer } from '${SUPPORT}'
      console.log((await startMongoServer({ after: () => undefined })).url)
      process.kill(process.pid, 'SIGKILL')`
    const dying = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe', env })
    const [url] = (await once(dying.stdout, 'data')) as [Buffer]
    await eventually(async () => {
      const response = await fetch(String(url).replace('mongodb', 'http')).catch(
        (error: Error) => error.cause,
      )
      return (response as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    })
  })
})
