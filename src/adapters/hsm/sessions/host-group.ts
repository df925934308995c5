import type { Meter } from '@opentelemetry/api'
import { Deadline, DeadlinePassed, withDeadline } from '../../../domain/deadline.ts'
import { KmsError } from '../../../domain/errors.ts'
import { type Chance, systemTime, type Time } from '../../../domain/time.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { Host } from './host.ts'
import { hostMetrics } from './metrics.ts'
import { POOL_LIMITS, type PoolLimits } from './pool.ts'
import { type Classify, HostOutOfService, NoSessionFree, type PooledSession } from './session.ts'

export interface HostGroupOptions<S extends PooledSession> {
  readonly provider: string
  /** Names of the devices, in the order of the configuration. */
  readonly hosts: readonly string[]
  /** Who logs in, for the log. */
  readonly account: string
  /** Bounded in time by itself. */
  readonly open: (host: string) => Promise<S>
  readonly classify: Classify
  /** What a host must show before it serves. @returns why it does not do */
  readonly admit: (session: S, host: string) => Promise<string | undefined>
  /** For one operation: waiting, all attempts and the pauses between them. */
  readonly deadlineMs: number
  readonly limits?: Partial<PoolLimits>
  readonly logger: Logger
  readonly time?: Time
  readonly chance?: Chance
  readonly meter?: Meter
}

export interface RunOptions<T> {
  /** In place of the group's own. */
  readonly deadlineMs?: number
  /** How long the work alone may take, where that is longer. */
  readonly workTimeoutMs?: number
  /** No hosts but these. */
  readonly only?: readonly string[]
  /** Another host than these, if one serves. */
  readonly avoid?: ReadonlySet<string>
  /** On a session that nobody used before. */
  readonly fresh?: boolean
  /** Disposes of a result that came after the deadline. */
  readonly discard?: (late: T) => void
}

const PAUSE = { firstMs: 50, longestMs: 1_000 } as const
/** How many may wait for a host to come into service. */
const MAX_WAITING = 256
const CLOSE_TIMEOUT_MS = 5_000

/** Several devices that can stand in for each other. */
export class HostGroup<S extends PooledSession> {
  readonly #options: HostGroupOptions<S>
  readonly #time: Time
  readonly #chance: Chance
  readonly #hosts: readonly Host<S>[]
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(options: HostGroupOptions<S>) {
    const { time = systemTime, chance = Math.random, limits, provider, meter } = options
    this.#options = options
    this.#time = time
    this.#chance = chance
    this.#hosts = options.hosts.map(
      (name) =>
        new Host<S>({
          name,
          account: options.account,
          open: () => options.open(name),
          classify: options.classify,
          admit: (session) => options.admit(session, name),
          limits: { ...POOL_LIMITS, ...limits },
          // The other half is left for the work itself, or for another host.
          acquireTimeoutMs: options.deadlineMs / 2,
          logger: options.logger,
          time,
          chance,
          metrics: hostMetrics({ provider, host: name }, meter),
          onChange: () => this.#wake(),
        }),
    )
  }

  /** Whether nothing is known against one of the hosts. */
  get available(): boolean {
    return this.#hosts.some(({ available }) => available)
  }

  /** Why a host is out of service, as far as it is known; empty if it is not. */
  problemOf(name: string): string {
    return this.#hosts.find((host) => host.name === name)?.problem ?? 'it is not configured'
  }

  /**
   * Carries out an operation on a host that serves, on others if it fails there, and on the same ones again
   * until the deadline: `work` must be safe to repeat. What the HSM answers is final.
   *
   * @param work may use the session until it settles, and is bounded in time by the session
   * @throws KmsError `hsm_busy` or `hsm_unavailable`; whatever `work` throws that is an answer or a defect
   */
  async run<T>(
    operation: string,
    work: (session: S, host: string) => Promise<T>,
    options: RunOptions<T> = {},
  ): Promise<T> {
    const {
      deadlineMs = this.#options.deadlineMs,
      workTimeoutMs,
      only,
      avoid,
      fresh = false,
      discard,
    } = options
    const deadline = Deadline.after(deadlineMs, this.#time)
    const hosts = only === undefined ? this.#hosts : this.#hosts.filter(({ name }) => only.includes(name))
    const tried = new Set<Host<S>>()
    let failure: unknown
    for (let round = 0; !deadline.passed; ) {
      const serving = this.#serving(hosts)
      if (serving.length === 0) {
        if (await this.#mayChange(hosts, deadline)) continue
        break
      }
      const host = this.#choose(
        serving.filter((candidate) => !tried.has(candidate)),
        avoid,
      )
      if (host === undefined) {
        if (failure instanceof NoSessionFree) break
        await this.#pause(round++, deadline)
        tried.clear()
        continue
      }
      tried.add(host)
      try {
        return await host.use(deadline, {
          operation,
          fresh,
          discard,
          workTimeoutMs,
          work: (session) => work(session, host.name),
        })
      } catch (error) {
        if (this.#isFinal(error)) throw error
        failure = error
      }
    }
    throw this.#failed(hosts, failure)
  }

  /** What every host but these has shown no longer counts: they must show it again before they serve. */
  readmitAllBut(names: ReadonlySet<string>): void {
    for (const host of this.#hosts) if (!names.has(host.name)) host.readmit()
  }

  /** Ends every session; bounded in time. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    const deadline = Deadline.after(CLOSE_TIMEOUT_MS, this.#time)
    await Promise.all(this.#hosts.map((host) => host.close(deadline)))
  }

  #serving(hosts: readonly Host<S>[]): readonly Host<S>[] {
    for (const host of hosts) host.bringIn()
    return hosts.filter(({ serving }) => serving)
  }

  /** The least loaded one; among equals, any. */
  #choose(hosts: readonly Host<S>[], avoid: ReadonlySet<string> | undefined): Host<S> | undefined {
    const others = avoid === undefined ? hosts : hosts.filter(({ name }) => !avoid.has(name))
    const candidates = others.length > 0 ? others : hosts
    const least = Math.min(...candidates.map(({ load }) => load))
    const equals = candidates.filter(({ load }) => load === least)
    return equals[Math.floor(this.#chance() * equals.length)]
  }

  /**
   * Waits for a host to come into service.
   *
   * @returns false if that is not to be expected in time
   */
  async #mayChange(hosts: readonly Host<S>[], deadline: Deadline): Promise<boolean> {
    const soon = hosts.some(({ probeInMs }) => probeInMs < deadline.remainingMs)
    if (!soon || this.#closed || this.#waiting.size >= MAX_WAITING) return false
    let wake = (): void => undefined
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    try {
      await withDeadline(changed, deadline, 'a host to come into service')
      return true
    } catch {
      return false
    } finally {
      this.#waiting.delete(wake)
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #pause(round: number, deadline: Deadline): Promise<void> {
    const longest = Math.min(PAUSE.longestMs, PAUSE.firstMs * 2 ** Math.min(round, 10))
    const ms = Math.min(deadline.remainingMs, longest * (0.5 + this.#chance() / 2))
    return new Promise((resolve) => this.#time.after(ms, resolve))
  }

  #isFinal(error: unknown): boolean {
    const isOwn = [NoSessionFree, HostOutOfService, DeadlinePassed].some((type) => error instanceof type)
    if (isOwn) return false
    if (KmsError.is(error)) return true
    const kind = this.#options.classify(error, 'use')
    return kind === 'answer' || kind === 'defect'
  }

  #failed(hosts: readonly Host<S>[], failure: unknown): KmsError {
    const full =
      failure instanceof NoSessionFree ||
      (hosts.length > 0 && hosts.every(({ reason }) => reason === 'no-room'))
    const problems = hosts.map(({ name, problem }) => `${name}: ${problem}`).join('; ')
    return new KmsError(full ? 'hsm_busy' : 'hsm_unavailable', { cause: failure ?? new Error(problems) })
  }
}
