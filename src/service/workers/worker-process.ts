import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../ports/logger.port.ts'
import { type FromWorker, type ToWorker, WORKER_NUMBER } from './messages.ts'

export interface WorkerProcessOptions {
  readonly number: number
  readonly environment: NodeJS.ProcessEnv
  readonly logger: Logger
  /** How often a worker that serves is asked for a sign of life. */
  readonly pingMs?: number
  /** How long the first pause is before it is started again. */
  readonly pauseMs?: number
}

/** How a worker ended before it served. */
export class WorkerNotStarted extends Error {
  /** Of the process; null if a signal ended it. */
  readonly exitCode: number | null

  constructor(number: number, exitCode: number | null) {
    super(`worker ${number} ended before it served`)
    this.exitCode = exitCode
  }
}

interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

const PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** A worker that served for so long starts again without a longer pause. */
const GOOD_MS = 60_000
const ASK_DEADLINE_MS = 2_000
const PING_MS = 10_000
/** A worker that has left so many pings unanswered will not answer any request either. */
const MAX_UNANSWERED = 3

/** One of the workers, in one process after another: whenever it ends by itself it is started again. */
export class WorkerProcess {
  readonly #options: WorkerProcessOptions
  readonly #answers = new Map<number, (ready: boolean) => void>()
  #worker: Worker | undefined
  #url: string | undefined
  #asked = 0
  #unanswered = 0
  readonly #ending = new AbortController()
  #kept: Promise<void> | undefined

  constructor(options: WorkerProcessOptions) {
    this.#options = options
  }

  /** Whether it serves now. */
  get isServing(): boolean {
    return this.#url !== undefined
  }

  /**
   * Starts it, and keeps it running from then on.
   *
   * @returns where it serves
   * @throws WorkerNotStarted
   */
  async start(): Promise<string> {
    const exit = this.#fork()
    const worker = this.#worker as Worker
    const served = new Promise<string>((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'serving') resolve(message.url)
      })
    })
    const url = await Promise.race([served, exit])
    if (typeof url !== 'string') throw new WorkerNotStarted(this.#options.number, url.code)
    this.#kept = this.#keep(exit)
    return url
  }

  send(message: ToWorker): void {
    // It may have ended just now.
    if (this.#worker?.isConnected()) this.#worker.send(message, undefined, () => undefined)
  }

  /** Whether it says that it is ready, in time. */
  async isReady(): Promise<boolean> {
    if (!this.isServing) return false
    const id = ++this.#asked
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), ASK_DEADLINE_MS)
    this.#answers.set(id, resolve)
    this.send({ kind: 'ask', id })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#answers.delete(id)
    }
  }

  /** Ends it in order, or after the deadline anyhow. */
  async stop(deadlineMs: number): Promise<void> {
    this.#ending.abort()
    const worker = this.#worker
    if (worker !== undefined) {
      const exited = once(worker, 'exit')
      this.send({ kind: 'stop' })
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), deadlineMs)
      await exited
      clearTimeout(timer)
    }
    await this.#kept
  }

  /** @returns how it ends */
  #fork(): Promise<Exit> {
    const { number, environment } = this.#options
    const worker = cluster.fork({ ...environment, [WORKER_NUMBER]: String(number) })
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'serving') this.#url = message.url
      else if (message.kind === 'answer') this.#answers.get(message.id)?.(message.ready)
      else this.#unanswered = 0
    })
    worker.on('error', () => undefined)
    this.#unanswered = 0
    const pings = setInterval(() => this.#ping(worker), this.#options.pingMs ?? PING_MS).unref()
    return new Promise((resolve) => {
      worker.once('exit', (code, signal) => {
        clearInterval(pings)
        this.#worker = undefined
        this.#url = undefined
        for (const answer of this.#answers.values()) answer(false)
        resolve({ code, signal })
      })
    })
  }

  #ping(worker: Worker): void {
    // A start may take its time, and block: it has a deadline of its own.
    if (!this.isServing) return
    if (this.#unanswered < MAX_UNANSWERED) {
      this.#unanswered += 1
      this.send({ kind: 'ping' })
      return
    }
    this.#options.logger.error({ worker: this.#options.number }, 'worker gives no sign of life: it is killed')
    this.#url = undefined
    worker.process.kill('SIGKILL')
  }

  async #keep(first: Promise<Exit>): Promise<void> {
    const { number, logger, pauseMs: firstPause = PAUSE_MS } = this.#options
    const { signal: ending } = this.#ending
    let pauseMs = firstPause
    let since = performance.now()
    let exit = first
    while (true) {
      const how = await exit
      if (ending.aborted) return
      if (performance.now() - since > GOOD_MS) pauseMs = firstPause
      logger.error({ worker: number, ...how, pauseMs }, 'worker ended: it is started again')
      await sleep(pauseMs, undefined, { signal: ending }).catch(() => undefined)
      if (ending.aborted) return
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
      since = performance.now()
      exit = this.#fork()
    }
  }
}
