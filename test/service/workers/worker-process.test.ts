import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WorkerNotStarted, WorkerProcess } from '../../../src/service/workers/worker-process.ts'
import { keepingLogger } from '../../support/logger.ts'

const LIMIT_MS = 30_000
cluster.setupPrimary({ exec: fileURLToPath(new URL('./worker.child.ts', import.meta.url)), args: [] })

const until = async (holds: () => boolean): Promise<void> => {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(5)) if (holds()) return
  assert.fail('it did not come to that')
}

const newWorker = (t: TestContext, behavior = '', pingMs = 600_000) => {
  const { logger, lines } = keepingLogger()
  const environment = { BEHAVIOR: behavior }
  const worker = new WorkerProcess({ number: 7, environment, logger, pingMs, pauseMs: 10 })
  t.after(() => worker.stop(10))
  return { worker, lines, told: () => lines.map(({ message }) => message) }
}

const AGAIN = 'worker ended: it is started again'

test('a worker serves under its number, answers, and stops when it is asked to', async (t) => {
  const { worker, lines } = newWorker(t)
  assert.equal(worker.isServing, false)
  assert.equal(await worker.start(), 'number 7')
  assert.equal(worker.isServing, true)
  assert.equal(await worker.isReady(), true)
  await worker.stop(LIMIT_MS)
  assert.equal(worker.isServing, false)
  assert.equal(await worker.isReady(), false)
  assert.deepEqual(lines, [])
})

test('a worker that ends before it serves is not started again', async (t) => {
  const { worker, lines } = newWorker(t, 'refuses')
  await assert.rejects(
    worker.start(),
    (error) => error instanceof WorkerNotStarted && error.exitCode === 78 && /worker 7/.test(error.message),
  )
  assert.deepEqual(lines, [])
})

test('one that ends later is, after pauses that grow', async (t) => {
  const { worker, lines } = newWorker(t)
  await worker.start()
  for (let times = 1; times <= 3; times++) {
    worker.send({ kind: 'reload' })
    await until(() => lines.length === times && worker.isServing)
  }
  assert.deepEqual(
    lines.map(({ fields }) => fields),
    [10, 20, 40].map((pauseMs) => ({ worker: 7, code: 9, signal: null, pauseMs })),
  )
  assert.equal(await worker.isReady(), true)
})

test('a question that is not answered is a no', async (t) => {
  const { worker } = newWorker(t, 'silent')
  await worker.start()
  assert.equal(await worker.isReady(), false)
})

test('one that gives no sign of life is killed and started again', async (t) => {
  const { worker, told } = newWorker(t, 'stuck', 50)
  await worker.start()
  await until(() => told().includes(AGAIN))
  assert.deepEqual(told().slice(0, 2), ['worker gives no sign of life: it is killed', AGAIN])
})

test('one that answers lives on', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { worker, lines } = newWorker(t, '', 1_000)
  await worker.start()
  for (let pings = 0; pings < 10; pings++) {
    t.mock.timers.tick(1_000)
    // Messages stay in their order: by then the ping before it is answered.
    assert.equal(await worker.isReady(), true)
  }
  assert.deepEqual(lines, [])
})

test('one that does not stop is killed', async (t) => {
  const { worker, lines } = newWorker(t, 'stubborn')
  await worker.start()
  await worker.stop(50)
  assert.equal(worker.isServing, false)
  assert.deepEqual(lines, [])
})
