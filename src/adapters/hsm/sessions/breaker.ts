import { type Chance, systemTime, type Time } from '../../../domain/time.ts'

/**
 * Why a host is out of service: it failed to connect or answer; it refused the login; it had no room for a
 * session; or it did not open what the root key wraps.
 */
export type OutOfServiceReason = 'failures' | 'login-refused' | 'no-room' | 'self-test'

/** Milliseconds; each pause is twice the one before, up to the longest. */
export interface Pauses {
  readonly first: number
  readonly longest: number
}

export const BREAKER_PAUSES: Readonly<Record<OutOfServiceReason, Pauses>> = {
  failures: { first: 500, longest: 5_000 },
  'no-room': { first: 500, longest: 5_000 },
  'self-test': { first: 5_000, longest: 60_000 },
  // Retried in a loop, a wrong password locks the account.
  'login-refused': { first: 30_000, longest: 300_000 },
}

export const FAILURES_TO_OPEN = 3
const SPREAD = 0.25

export interface BreakerOptions {
  readonly chance: Chance
  readonly time?: Time
  readonly pauses?: Readonly<Record<OutOfServiceReason, Pauses>>
}

export type BreakerState = 'closed' | 'open' | 'half-open'

/** Keeps callers away from a host that fails, and says when to look at it again. */
export class Breaker {
  readonly #chance: Chance
  readonly #time: Time
  readonly #pauses: Readonly<Record<OutOfServiceReason, Pauses>>
  #state: BreakerState = 'closed'
  #failures = 0
  #reason: OutOfServiceReason | undefined
  /** How often in a row it opened for the same reason. */
  #openings = 0
  #probeAt = 0

  constructor({ chance, time = systemTime, pauses = BREAKER_PAUSES }: BreakerOptions) {
    this.#chance = chance
    this.#time = time
    this.#pauses = pauses
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Undefined while it is closed. */
  get reason(): OutOfServiceReason | undefined {
    return this.#reason
  }

  /** Until the next probe may begin; 0 while none is to be waited for. */
  get probeInMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#probeAt - this.#time.now()) : 0
  }

  /** The host answered. Only a probe closes what is open: an answer that was under way says little. */
  answered(): void {
    this.#failures = 0
  }

  /** @returns whether the host has failed too often in a row, so that `open` is due */
  failed(): boolean {
    return ++this.#failures >= FAILURES_TO_OPEN && this.#state === 'closed'
  }

  /** @returns the pause until the next probe, in milliseconds */
  open(reason: OutOfServiceReason): number {
    this.#openings = reason === this.#reason ? this.#openings + 1 : 1
    this.#reason = reason
    this.#state = 'open'
    const pause = this.#nextPause(this.#pauses[reason])
    this.#probeAt = this.#time.now() + pause
    return pause
  }

  /** From here on a probe is under way, which ends in `open` or `close`. */
  halfOpen(): void {
    this.#state = 'half-open'
  }

  close(): void {
    this.#state = 'closed'
    this.#reason = undefined
    this.#openings = 0
    this.#failures = 0
  }

  /** Spread a little, so that instances which lost a host together don't return to it together. */
  #nextPause({ first, longest }: Pauses): number {
    const pause = Math.min(longest / (1 + SPREAD), first * 2 ** Math.min(this.#openings - 1, 30))
    return pause * (1 + SPREAD * this.#chance())
  }
}
