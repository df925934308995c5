import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { suite, test } from 'node:test'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { KmsError } from '../../../../src/domain/errors.ts'
import { numbered, rowOf, tally } from '../../../contracts/key-repository/samples.ts'
import { holdWriteLock, NO_HURRY_MS, openAt, temporaryPath, untilAvailable, withDatabase } from './support.ts'

const run = promisify(execFile)
const ADAPTER = import.meta.resolve('../../../../src/adapters/repository/sqlite/sqlite-key-repository.ts')

const unavailable = (cause: RegExp) => (error: unknown) => {
  assert.ok(KmsError.is(error, 'store_unavailable'))
  assert.match(String(error.cause), cause)
  return true
}

/** The thread of the store that is opened next. */
const nextWorker = async (): Promise<Worker> => {
  const [worker] = await once(process, 'worker')
  return worker as Worker
}

suite('sqlite: the thread', () => {
  test('may die: what waits for it fails, and the next one goes on', async (t) => {
    const path = await temporaryPath(t)
    const starting = nextWorker()
    const store = await openAt(t, path)
    const worker = await starting
    await store.insertPrivateKey(rowOf())
    const release = holdWriteLock(path)
    const rows = numbered(5).map((at) => rowOf({ pub: `row ${at}` }))
    const inserting = Promise.allSettled(rows.map((row) => store.insertPrivateKey(row)))
    await worker.terminate()
    assert.deepEqual(tally(await inserting), { store_unavailable: 5 })
    release()
    assert.deepEqual(await untilAvailable(() => store.findPrivateKey(rowOf())), rowOf())
    for (const row of rows) assert.equal(await store.findPrivateKey(row), undefined)
    await store.insertPrivateKey(rowOf({ source: 'backup' }))
  })

  test('lets a process end that never closed its store', async (t) => {
    const path = await temporaryPath(t)
    const script = `
      import { openSqliteKeyRepository } from ${JSON.stringify(ADAPTER)}
      const store = await openSqliteKeyRepository({ path: ${JSON.stringify(path)} })
      await store.ping()`
    await run(process.execPath, ['--input-type=module', '--eval', script], { timeout: NO_HURRY_MS })
  })

  test('is gone once the store is closed, also beneath a lock', async (t) => {
    const path = await temporaryPath(t)
    const starting = nextWorker()
    const store = await openAt(t, path)
    const worker = await starting
    const ended = once(worker, 'exit')
    t.after(holdWriteLock(path))
    await store.close()
    await ended
  })

  test('moves the log into the database when it is closed', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    await store.close()
    assert.deepEqual(await readdir(dirname(path)), ['cofre.sqlite'])
  })

  test('acknowledges nothing that went into a file which is not in its place any more', async (t) => {
    const path = await temporaryPath(t)
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    await rename(path, `${path}.moved`)
    await assert.rejects(
      store.insertPrivateKey(rowOf({ source: 'backup' })),
      unavailable(/moved, replaced or deleted/),
    )
    await assert.rejects(
      untilRefusedBy(() => store.findPrivateKey(rowOf()), /cannot be opened/),
      unavailable(/cannot be opened/),
    )
    assert.equal((await readdir(dirname(path))).includes('cofre.sqlite'), false, 'made a new, empty database')
    await rename(`${path}.moved`, path)
    assert.deepEqual(await untilAvailable(() => store.findPrivateKey(rowOf())), rowOf())
    await untilAvailable(() => store.ping())
  })

  test('does not go on in an empty file that somebody put in the place of the one it had', async (t) => {
    const path = await temporaryPath(t)
    const starting = nextWorker()
    const store = await openAt(t, path)
    await store.insertPrivateKey(rowOf())
    await (await starting).terminate()
    await rename(path, `${path}.moved`)
    withDatabase(path, (database) => database.exec('PRAGMA journal_mode = WAL'))
    await assert.rejects(
      untilRefusedBy(() => store.findPrivateKey(rowOf()), /is empty, and was not before/),
      unavailable(/is empty, and was not before/),
    )
  })
})

/** A thread that ended a moment ago is not started again at once, and its own end is the cause until then. */
const untilRefusedBy = async (call: () => Promise<unknown>, cause: RegExp): Promise<unknown> => {
  for (const until = performance.now() + NO_HURRY_MS; ; ) {
    try {
      return await call()
    } catch (error) {
      if (cause.test(String((error as Error).cause)) || performance.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
