import { setImmediate } from 'node:timers/promises'
import type { Classify, PooledSession } from '../../../../src/adapters/hsm/sessions/session.ts'
import type { Time } from '../../../../src/domain/time.ts'
import type { Logger } from '../../../../src/ports/logger.port.ts'

/** Stands still until it is told to go on. */
export class ManualTime implements Time {
  #now = 1_000
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>()

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Runs what falls due, in its order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settled()
    }
    this.#now = end
    await settled()
  }
}

/** Every promise that can settle without a timer has done so. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await setImmediate()
}

export class FakeSession implements PooledSession {
  readonly host: string
  usable = true
  ending: 'open' | 'closed' | 'destroyed' = 'open'

  constructor(host: string) {
    this.host = host
  }

  async close(): Promise<void> {
    this.ending = 'closed'
    this.usable = false
  }

  destroy(): void {
    if (this.ending === 'open') this.ending = 'destroyed'
    this.usable = false
  }
}

export type FakeFault = 'answer' | 'session' | 'spent' | 'login-refused' | 'no-room'

export class FakeError extends Error {
  readonly kind: FakeFault

  constructor(kind: FakeFault) {
    super(`a fake ${kind}`)
    this.kind = kind
  }
}

export const classifyFake: Classify = (error) => (error instanceof FakeError ? error.kind : 'defect')

/** Opens sessions until it is told to do something else. */
export class FakeDevice {
  readonly name: string
  readonly sessions: FakeSession[] = []
  attempts = 0
  /** What opening throws, if anything. */
  refusal: FakeFault | undefined
  /** Openings that are to wait. */
  gate: Promise<void> | undefined

  constructor(name = 'a:1') {
    this.name = name
  }

  get open(): number {
    return this.sessions.filter(({ usable }) => usable).length
  }

  readonly openSession = async (): Promise<FakeSession> => {
    this.attempts++
    await this.gate
    if (this.refusal !== undefined) throw new FakeError(this.refusal)
    const session = new FakeSession(this.name)
    this.sessions.push(session)
    return session
  }
}

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} }
