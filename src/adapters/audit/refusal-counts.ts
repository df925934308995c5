import type { Refusal } from '../../ports/audit-log.port.ts'
import type { RefusalCount } from './record.ts'

const MAX_COUNTED = 128
const MAX_REASONS = 16
const MAX_ADDRESS = 64
const OTHER = 'other'

/** Counts for one record; whatever strangers do it stays small. */
export class RefusalCounts {
  readonly #counts = new Map<string, Map<string, number>>()
  #counted = 0

  add({ reason, address }: Refusal, count = 1): void {
    const known = this.#counts.has(reason) || this.#counts.size < MAX_REASONS
    const addresses = this.#addressesOf(known ? reason : OTHER)
    const short = address.slice(0, MAX_ADDRESS)
    const counted = addresses.has(short) || this.#counted < MAX_COUNTED
    const name = counted ? short : OTHER
    if (!addresses.has(name)) this.#counted++
    addresses.set(name, (addresses.get(name) ?? 0) + count)
  }

  /** All that was counted, and begins again at nothing. */
  take(): readonly RefusalCount[] {
    const counts = [...this.#counts].flatMap(([reason, addresses]) =>
      [...addresses].map(([address, count]) => ({ reason, address, count })),
    )
    this.#counts.clear()
    this.#counted = 0
    return counts
  }

  /** Gives back what could not be written. */
  restore(counts: readonly RefusalCount[]): void {
    for (const { count, ...refusal } of counts) this.add(refusal, count)
  }

  #addressesOf(reason: string): Map<string, number> {
    const found = this.#counts.get(reason)
    if (found !== undefined) return found
    const addresses = new Map<string, number>()
    this.#counts.set(reason, addresses)
    return addresses
  }
}
