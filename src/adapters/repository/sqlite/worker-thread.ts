import { extname } from 'node:path'
import { SHARE_ENV, Worker } from 'node:worker_threads'
import { errorOf } from './failures.ts'
import type { FromWorker, Outcome, ToWorker, WorkerOptions } from './messages.ts'

/** Beside this file, with its extension: as TypeScript here, as JavaScript after a build. */
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

export interface WorkerThreadEvents {
  readonly answered: (id: number, outcome: Outcome) => void
  /** Once, whatever ended it. */
  readonly ended: (cause: Error) => void
}

/** One run of the worker, from its start to its end. It does not keep the process alive. */
export class WorkerThread {
  /** Resolves when the database is open. @throws KmsError as `openDatabase`, or what ended the thread */
  readonly opened: Promise<void>
  /** Resolves at the thread's end, and never rejects. */
  readonly exited: Promise<void>
  readonly #worker: Worker

  constructor(options: WorkerOptions, { answered, ended }: WorkerThreadEvents) {
    const opened = Promise.withResolvers<void>()
    const exited = Promise.withResolvers<void>()
    this.opened = opened.promise
    this.exited = exited.promise
    // A copy of the environment would be one more copy of every secret in it, and what the program was started
    // with (a preloaded telemetry, say) is not for this thread.
    this.#worker = new Worker(WORKER, {
      name: 'cofre-sqlite',
      workerData: options,
      env: SHARE_ENV,
      execArgv: ['--report-exclude-env'],
    })
    let cause: Error | undefined
    this.#worker.on('message', (message: FromWorker) => {
      if (message.event === 'answer') return answered(message.id, message.outcome)
      if (message.event === 'opened') return opened.resolve()
      cause = errorOf(message.failure)
    })
    this.#worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error))
    })
    this.#worker.on('exit', (code) => {
      const because = cause ?? new Error(`the database thread ended with code ${code}`)
      opened.reject(because)
      exited.resolve()
      ended(because)
    })
    // Last: a listener for messages undoes it.
    this.#worker.unref()
    // Whoever only sends requests learns the same from `ended`.
    opened.promise.catch(() => undefined)
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }
}
