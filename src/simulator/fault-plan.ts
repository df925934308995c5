import type { Fault, FaultSource, FaultTarget, Message } from './faults.ts'

const matches = (target: FaultTarget, message: Message): boolean => {
  if (typeof target === 'string') {
    return target === message.stage || (message.stage === 'reply' && target === message.operation)
  }
  return (
    (target.stage === undefined || target.stage === message.stage) &&
    (target.operation === undefined || target.operation === message.operation) &&
    (target.key === undefined || target.key === message.key)
  )
}

/** `tls` and `request` are no messages: a rate meant for messages would count these connections and requests twice. */
const isOutgoing = ({ stage }: Message): boolean => stage !== 'tls' && stage !== 'request'

interface OneShot {
  readonly at: FaultTarget
  readonly fault: Fault
  left: number
}

interface Rate {
  readonly probability: number
  readonly faults: readonly Fault[]
  readonly random: () => number
  readonly at: FaultTarget | undefined
}

/**
 * Decides what goes wrong, for one simulator or several. One-shot faults come first, in the order given, then
 * the standing ones, then chance.
 */
export class FaultPlan implements FaultSource {
  #oneShots: OneShot[] = []
  #standing: { readonly at: FaultTarget; readonly fault: Fault }[] = []
  #rates: Rate[] = []

  /** One-shot faults that have not struck yet. */
  get pending(): number {
    return this.#oneShots.reduce((sum, { left }) => sum + left, 0)
  }

  /** Strikes the next `times` messages at the target, then is gone. */
  next(at: FaultTarget, fault: Fault, times = 1): this {
    this.#oneShots.push({ at, fault, left: times })
    return this
  }

  /** Strikes every message at the target. */
  always(at: FaultTarget, fault: Fault): this {
    this.#standing.push({ at, fault })
    return this
  }

  /**
   * Strikes by chance, with one of the faults, each as likely as the others.
   *
   * @param probability 0 to 1
   * @param random 0 (included) to 1 (excluded); a seeded one makes a run repeatable
   * @param at every outgoing message where it is not given
   */
  rate(
    probability: number,
    faults: readonly Fault[],
    random: () => number = Math.random,
    at?: FaultTarget,
  ): this {
    if (faults.length === 0) throw new Error('a rate needs at least one fault')
    this.#rates.push({ probability, faults, random, at })
    return this
  }

  clear(): void {
    this.#oneShots = []
    this.#standing = []
    this.#rates = []
  }

  pick(message: Message): Fault | undefined {
    return (
      this.#pickOneShot(message) ??
      this.#standing.find(({ at }) => matches(at, message))?.fault ??
      this.#pickByChance(message)
    )
  }

  #pickOneShot(message: Message): Fault | undefined {
    const index = this.#oneShots.findIndex(({ at }) => matches(at, message))
    const found = this.#oneShots[index]
    if (found === undefined) return undefined
    found.left -= 1
    if (found.left <= 0) this.#oneShots.splice(index, 1)
    return found.fault
  }

  #pickByChance(message: Message): Fault | undefined {
    for (const { probability, faults, random, at } of this.#rates) {
      if (!(at === undefined ? isOutgoing(message) : matches(at, message))) continue
      if (random() < probability) return faults[Math.floor(random() * faults.length)]
    }
    return undefined
  }
}
