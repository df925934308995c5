import { Deadline, withDeadline } from '../../../domain/deadline.ts'
import { systemTime, type Time } from '../../../domain/time.ts'
import { type Classify, HostOutOfService, type PooledSession } from './session.ts'
import { SessionQueue } from './session-queue.ts'

export interface PoolLimits {
  readonly maxSessions: number
  /** Callers that may wait for a session. */
  readonly maxQueue: number
  /** A session is closed after so many leases, */
  readonly maxUses: number
  /** after this age, */
  readonly maxAgeMs: number
  /** or when nobody wanted it for so long. */
  readonly maxIdleMs: number
  /** Logins under way at once: where the account is refused, each is a step towards a lock-out. */
  readonly maxOpening: number
  /** How long a goodbye may take. */
  readonly closeTimeoutMs: number
  /** How long none is opened, after the host had no room for one more. */
  readonly noRoomPauseMs: number
}

export const POOL_LIMITS: PoolLimits = {
  maxSessions: 8,
  maxQueue: 256,
  maxUses: 1_000,
  maxAgeMs: 10 * 60_000,
  maxIdleMs: 4 * 60_000,
  maxOpening: 2,
  closeTimeoutMs: 1_000,
  noRoomPauseMs: 1_000,
}

export interface SessionPoolOptions<S extends PooledSession> {
  /** Bounded in time by itself. */
  readonly open: () => Promise<S>
  readonly classify: Classify
  readonly limits: PoolLimits
  readonly time?: Time
}

/** One caller's use of a session; given back exactly once, with `using` or by hand. */
export interface Lease<S> extends Disposable {
  readonly session: S
}

/** A session of the pool's, and what it has been through. */
interface Member<S> {
  readonly session: S
  readonly openedAt: number
  /** Of the pool's life between two retirements. */
  readonly generation: number
  uses: number
  cancelIdleTimer: (() => void) | undefined
}

/**
 * The sessions of one host: made on demand, used by one caller at a time, the one used last first, so that
 * those that are not needed grow old and are closed.
 */
export class SessionPool<S extends PooledSession> {
  readonly #options: SessionPoolOptions<S>
  readonly #time: Time
  readonly #queue: SessionQueue<Lease<S>>
  readonly #idle: Member<S>[] = []
  readonly #inUse = new Set<Member<S>>()
  readonly #closing = new Set<Promise<void>>()
  readonly #opening = new Set<Promise<void>>()
  #generation = 0
  #noOpeningBefore = Number.NEGATIVE_INFINITY
  #closed = false
  #onDrained: (() => void) | undefined

  constructor(options: SessionPoolOptions<S>) {
    this.#options = options
    this.#time = options.time ?? systemTime
    this.#queue = new SessionQueue(options.limits.maxQueue)
  }

  get inUse(): number {
    return this.#inUse.size
  }

  get idle(): number {
    return this.#idle.length
  }

  get queued(): number {
    return this.#queue.length
  }

  /**
   * @param options.fresh on a session that nobody used before
   * @throws NoSessionFree, HostOutOfService, or as opening a session fails
   */
  acquire(deadline: Deadline, options: { readonly fresh?: boolean } = {}): Promise<Lease<S>> {
    if (this.#closed) return Promise.reject(new HostOutOfService('the pool is closed'))
    const granted = this.#queue.join(deadline, options.fresh ?? false)
    this.#serve()
    return granted
  }

  /** Lets go of every session, those in use as soon as they are given back, and turns away who waits. */
  retire(reason: string): void {
    this.#generation++
    this.#queue.failAll(new HostOutOfService(reason))
    for (const member of this.#idle.splice(0)) this.#dismiss(member)
  }

  /**
   * Waits for what is in use, and for the goodbyes.
   *
   * @param deadline after it, what is still in use is destroyed
   */
  async close(deadline: Deadline): Promise<void> {
    this.#closed = true
    this.retire('the pool is closed')
    if (this.#inUse.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#onDrained = resolve
      })
      await withDeadline(drained, deadline, 'the last operations').catch(() => undefined)
    }
    for (const { session } of this.#inUse) session.destroy()
    await withDeadline(Promise.all(this.#opening), deadline, 'the last openings').catch(() => undefined)
    await Promise.all(this.#closing)
  }

  /** Current sessions, and the places that those to come will take. */
  get #taken(): number {
    let inUse = 0
    for (const { generation } of this.#inUse) if (generation === this.#generation) inUse++
    return this.#idle.length + inUse + this.#opening.size + this.#closing.size
  }

  #serve(): void {
    const { maxSessions, maxOpening } = this.#options.limits
    if (this.#queue.first?.fresh && this.#taken >= maxSessions && this.#closing.size === 0) {
      // Whoever has waited longest gets the place of a used session.
      const oldest = this.#idle.shift()
      if (oldest !== undefined) this.#dismiss(oldest)
    } else {
      this.#lendIdle()
    }
    while (
      this.#opening.size < Math.min(this.#queue.length, maxOpening) &&
      this.#taken < maxSessions &&
      this.#mayOpen()
    ) {
      const opening: Promise<void> = this.#open(this.#generation).then(() => {
        this.#opening.delete(opening)
        this.#serve()
      })
      this.#opening.add(opening)
    }
  }

  #lendIdle(): void {
    for (;;) {
      const waiting = this.#queue.firstContent
      const member = waiting && this.#takeIdle()
      if (waiting === undefined || member === undefined) return
      waiting.grant(this.#lend(member))
    }
  }

  #takeIdle(): Member<S> | undefined {
    for (;;) {
      const member = this.#idle.pop()
      if (member === undefined || this.#mayBeUsed(member)) {
        member?.cancelIdleTimer?.()
        return member
      }
      this.#dismiss(member)
    }
  }

  #mayBeUsed({ session, generation, uses, openedAt }: Member<S>): boolean {
    const { maxUses, maxAgeMs } = this.#options.limits
    return (
      session.usable &&
      generation === this.#generation &&
      uses < maxUses &&
      this.#time.now() - openedAt < maxAgeMs
    )
  }

  /** A host that was full is asked again after a pause, after a goodbye, or when nothing that it admitted is left. */
  #mayOpen(): boolean {
    if (this.#time.now() >= this.#noOpeningBefore) return true
    return this.#inUse.size === 0 && this.#closing.size === 0
  }

  async #open(generation: number): Promise<void> {
    try {
      const session = await this.#options.open()
      const member = {
        session,
        openedAt: this.#time.now(),
        generation,
        uses: 0,
        cancelIdleTimer: undefined,
      }
      const waiting = generation === this.#generation ? this.#queue.first : undefined
      if (waiting === undefined) this.#settle(member)
      else waiting.grant(this.#lend(member))
    } catch (error) {
      // What was begun before a retirement says nothing to who came after it.
      if (generation === this.#generation) this.#openingFailed(error)
    }
  }

  #openingFailed(error: unknown): void {
    const failure = error instanceof Error ? error : new Error('a session could not be opened')
    const noRoom = this.#options.classify(error, 'opening') === 'no-room'
    const { first } = this.#queue
    if (noRoom) this.#noOpeningBefore = this.#time.now() + this.#options.limits.noRoomPauseMs
    const oldest = noRoom && first?.fresh ? this.#idle.shift() : undefined
    if (oldest !== undefined) {
      this.#dismiss(oldest)
      return
    }
    // Without room, who takes a used session waits for one; without any in use, for nothing.
    if (this.#inUse.size === 0) this.#queue.failAll(failure)
    else if (!noRoom || first?.fresh) first?.fail(failure)
  }

  #lend(member: Member<S>): Lease<S> {
    this.#inUse.add(member)
    member.uses++
    return {
      session: member.session,
      [Symbol.dispose]: () => {
        if (!this.#inUse.delete(member)) return
        this.#settle(member)
        this.#serve()
        if (this.#inUse.size === 0) this.#onDrained?.()
      },
    }
  }

  /** To the idle ones, if it may be used again. */
  #settle(member: Member<S>): void {
    if (this.#closed || !this.#mayBeUsed(member)) {
      this.#dismiss(member)
      return
    }
    member.cancelIdleTimer = this.#time.after(
      this.#options.limits.maxIdleMs,
      () => {
        const index = this.#idle.indexOf(member)
        if (index >= 0) this.#dismiss(...this.#idle.splice(index, 1))
      },
      'background',
    )
    this.#idle.push(member)
  }

  #dismiss(...members: readonly Member<S>[]): void {
    for (const { session, cancelIdleTimer } of members) {
      cancelIdleTimer?.()
      if (!session.usable) {
        session.destroy()
        continue
      }
      const goodbye = this.#sayGoodbye(session).finally(() => {
        this.#closing.delete(goodbye)
        this.#noOpeningBefore = Number.NEGATIVE_INFINITY
        this.#serve()
      })
      this.#closing.add(goodbye)
    }
  }

  async #sayGoodbye(session: S): Promise<void> {
    try {
      const deadline = Deadline.after(this.#options.limits.closeTimeoutMs, this.#time)
      await withDeadline(session.close(), deadline, 'closing a session')
    } catch {
      // It ends either way.
    } finally {
      session.destroy()
    }
  }
}
