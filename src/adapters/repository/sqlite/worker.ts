import { parentPort, workerData } from 'node:worker_threads'
import { openDatabase } from './database.ts'
import { failureOf } from './failures.ts'
import { watchPlace } from './files.ts'
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts'
import { RequestLoop } from './request-loop.ts'

/** `node:sqlite` is synchronous, and a lock held elsewhere would freeze the event loop: it has this thread. */
const post = (message: FromWorker): void => parentPort?.postMessage(message)

const serve = (options: WorkerOptions): void => {
  const database = openDatabase(options)
  const checkPlace = watchPlace(options.path)
  const answer = (id: number, outcome: Extract<FromWorker, { event: 'answer' }>['outcome']): void =>
    post({ event: 'answer', id, outcome })
  const loop = new RequestLoop({ database, checkPlace, answer })
  parentPort?.on('message', (message: ToWorker) => {
    if (message !== 'close') return loop.accept(message)
    loop.stop()
    // The last connection moves the log into the database.
    database.close()
    parentPort?.close()
  })
  post({ event: 'opened' })
}

try {
  serve(workerData as WorkerOptions)
} catch (error) {
  post({ event: 'refused', failure: failureOf(error) })
}
