import { Deadline, withDeadline } from '../../../domain/deadline.ts'
import type { Chance, Time } from '../../../domain/time.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { Breaker, type OutOfServiceReason } from './breaker.ts'
import type { HostMetrics } from './metrics.ts'
import { type Lease, type PoolLimits, SessionPool } from './pool.ts'
import {
  type Classify,
  type FaultKind,
  HostOutOfService,
  NoSessionFree,
  type PooledSession,
} from './session.ts'

export interface HostOptions<S extends PooledSession> {
  /** As it stands in logs, metrics and claims. */
  readonly name: string
  /** Who logs in, for the log. */
  readonly account: string
  /** Bounded in time by itself. */
  readonly open: () => Promise<S>
  readonly classify: Classify
  /** What this host must show before it serves. @returns why it does not do */
  readonly admit: (session: S) => Promise<string | undefined>
  readonly limits: PoolLimits
  /** How long one may wait for a session. */
  readonly acquireTimeoutMs: number
  readonly logger: Logger
  readonly time: Time
  readonly chance: Chance
  readonly metrics: HostMetrics
  /** It came into service, or went out of it, or a look at it ended. */
  readonly onChange: () => void
}

export interface Use<S, T> {
  readonly operation: string
  readonly fresh: boolean
  readonly work: (session: S) => Promise<T>
  /** How long the work alone may take, where that is longer than the deadline. */
  readonly workTimeoutMs: number | undefined
  /** Disposes of a result that came after the deadline. */
  readonly discard: ((late: T) => void) | undefined
}

const REASON_OF: Readonly<Partial<Record<FaultKind, OutOfServiceReason>>> = {
  'login-refused': 'login-refused',
  'no-room': 'no-room',
}

/**
 * One device: its sessions, and whether it may serve. It comes into service by a probe alone, at first contact
 * and after its breaker opened: a session is opened on it and it shows what `admit` asks for.
 */
export class Host<S extends PooledSession> {
  readonly name: string
  readonly #options: HostOptions<S>
  readonly #breaker: Breaker
  readonly #pool: SessionPool<S>
  #admitted = false
  #probing = false
  /** Grows when what was shown no longer counts. */
  #epoch = 0
  #lastProblem = ''
  #cancelTimer: (() => void) | undefined
  #closed = false

  constructor(options: HostOptions<S>) {
    const { name, classify, limits, time, chance, metrics } = options
    this.name = name
    this.#options = options
    this.#breaker = new Breaker({ time, chance })
    this.#pool = new SessionPool({ open: () => this.#open(), classify, limits, time })
    metrics.observe(this.#pool, this.#breaker)
  }

  /** Operations are sent to it. */
  get serving(): boolean {
    return this.#admitted && !this.#closed
  }

  /** Nothing is known against it. */
  get available(): boolean {
    return this.#breaker.state === 'closed' && !this.#closed
  }

  /** Why it is out of service; empty if it is not. */
  get problem(): string {
    return this.#admitted ? '' : this.#lastProblem
  }

  get reason(): OutOfServiceReason | undefined {
    return this.#breaker.reason
  }

  /** Operations under way and waiting. */
  get load(): number {
    return this.#pool.inUse + this.#pool.queued
  }

  /** Until a look at it may begin; 0 if one is under way. */
  get probeInMs(): number {
    return this.#closed ? Number.POSITIVE_INFINITY : this.#breaker.probeInMs
  }

  /**
   * One operation on one session. The caller is answered at the deadline; the operation itself ends by its
   * session's own, so that a caller in a hurry neither breaks sessions nor counts against the host.
   *
   * @throws NoSessionFree, HostOutOfService, DeadlinePassed, or as session and work fail
   */
  async use<T>(deadline: Deadline, use: Use<S, T>): Promise<T> {
    const { time, metrics, acquireTimeoutMs } = this.#options
    const from = time.now()
    const lease = await this.#pool
      .acquire(deadline.within(acquireTimeoutMs), use)
      .finally(() => metrics.waited(time.now() - from))
    const { operation, discard, workTimeoutMs } = use
    const until = workTimeoutMs === undefined ? deadline : Deadline.after(workTimeoutMs, time)
    return await withDeadline(this.#perform(lease, use), until, operation, discard)
  }

  /** Looks at it, unless it serves, is being looked at, or has to be left alone for now. */
  bringIn(): void {
    if (this.#breaker.probeInMs === 0) this.#look()
  }

  /** What it has shown no longer counts: it must show it again before it serves. */
  readmit(): void {
    this.#epoch++
    this.#admitted = false
    this.#options.onChange()
    this.bringIn()
  }

  async close(deadline: Deadline): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    this.#options.metrics.forget()
    await this.#pool.close(deadline)
  }

  async #perform<T>(lease: Lease<S>, { operation, work }: Use<S, T>): Promise<T> {
    const { time, metrics, classify } = this.#options
    using held = lease
    const from = time.now()
    let outcome: FaultKind | 'ok' = 'ok'
    try {
      return await work(held.session)
    } catch (error) {
      outcome = classify(error, 'use')
      if (outcome !== 'answer') held.session.destroy()
      this.#learn(outcome, error)
      throw error
    } finally {
      if (outcome === 'ok' || outcome === 'answer') this.#breaker.answered()
      metrics.operated(operation, outcome, time.now() - from)
    }
  }

  async #open(): Promise<S> {
    const { time, metrics, classify, open } = this.#options
    const from = time.now()
    let outcome: FaultKind | 'ok' = 'ok'
    try {
      return await open()
    } catch (error) {
      outcome = classify(error, 'opening')
      if (this.#admitted) this.#learn(outcome, error)
      throw error
    } finally {
      metrics.operated('open_session', outcome, time.now() - from)
    }
  }

  /** What a failure says about the host. */
  #learn(kind: FaultKind, error: unknown): void {
    if (kind === 'login-refused') this.#goOut('login-refused', error)
    else if (kind === 'session' && this.#breaker.failed()) this.#goOut('failures', error)
  }

  #look(): void {
    if (!this.#admitted && !this.#probing && !this.#closed) void this.#probe()
  }

  async #probe(): Promise<void> {
    const epoch = this.#epoch
    this.#probing = true
    if (this.#breaker.state === 'open') this.#breaker.halfOpen()
    try {
      using lease = await this.#pool.acquire(
        Deadline.after(this.#options.acquireTimeoutMs, this.#options.time),
      )
      const flaw = await this.#examine(lease)
      if (flaw !== undefined) this.#goOut('self-test', flaw)
      else if (epoch === this.#epoch) this.#comeIn()
    } catch (error) {
      if (!(error instanceof HostOutOfService)) this.#goOut(this.#reasonOf(error), error)
    } finally {
      this.#probing = false
      this.#options.onChange()
    }
    if (epoch !== this.#epoch) this.bringIn()
  }

  async #examine({ session }: Lease<S>): Promise<string | undefined> {
    try {
      return await this.#options.admit(session)
    } catch (error) {
      session.destroy()
      throw error
    }
  }

  #reasonOf(error: unknown): OutOfServiceReason {
    if (error instanceof NoSessionFree) return 'failures'
    return REASON_OF[this.#options.classify(error, 'opening')] ?? 'failures'
  }

  #comeIn(): void {
    if (this.#closed) return
    if (this.#lastProblem !== '') {
      this.#options.logger.info({ host: this.name }, 'the HSM host is back in service')
    }
    this.#lastProblem = ''
    this.#breaker.close()
    this.#admitted = true
  }

  #goOut(reason: OutOfServiceReason, error: unknown): void {
    if (this.#closed) return
    const pauseMs = this.#breaker.open(reason)
    this.#admitted = false
    this.#report(reason, error, pauseMs)
    this.#pool.retire(this.#lastProblem)
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.time.after(pauseMs, () => this.#look(), 'background')
    this.#options.onChange()
  }

  /** Once for each new problem, but every refused login. */
  #report(reason: OutOfServiceReason, error: unknown, pauseMs: number): void {
    const { logger, account } = this.#options
    const problem = describe(error)
    const fields = { host: this.name, reason, pauseMs: Math.round(pauseMs) }
    if (reason === 'login-refused') {
      logger.error(
        { ...fields, user: account, problem },
        'the HSM refused the login: it is left alone for a while',
      )
    } else if (problem !== this.#lastProblem) {
      logger.error({ ...fields, problem }, 'the HSM host is out of service')
    }
    this.#lastProblem = problem
  }
}

/** The message, with what the system said where there is more to know. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
