import { KmsError } from '../../domain/errors.ts'
import type { EnvelopeCipherPort } from '../../ports/envelope-cipher.port.ts'

export interface BoundedCipherOptions {
  /** Envelopes that are worked on at once. Fewer than the thread pool has threads: the store and DNS share it. */
  readonly concurrency: number
  /** Calls that may wait for their turn. */
  readonly maxQueue: number
  /** How long one may wait. Milliseconds. */
  readonly maxWaitMs: number
}

/** Bounds what a cipher has under way, so that its work never starves everything else in the thread pool. */
export const boundedCipher = (
  cipher: EnvelopeCipherPort,
  options: BoundedCipherOptions,
): EnvelopeCipherPort => {
  const turns = new Turns(options)
  return {
    format: cipher.format,
    recognizes: (envelope) => cipher.recognizes(envelope),
    encrypt: (plaintext, dataKey, context) => turns.take(() => cipher.encrypt(plaintext, dataKey, context)),
    decrypt: (envelope, dataKey, context) => turns.take(() => cipher.decrypt(envelope, dataKey, context)),
  }
}

interface Waiting {
  readonly begin: () => void
  readonly timer: NodeJS.Timeout
}

class Turns {
  readonly #options: BoundedCipherOptions
  /** In the order of arrival. */
  readonly #waiting = new Set<Waiting>()
  #underWay = 0

  constructor(options: BoundedCipherOptions) {
    this.#options = options
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#options.concurrency) await this.#wait()
    else this.#underWay++
    try {
      return await work()
    } finally {
      this.#handOver()
    }
  }

  /** Resolves with the turn already taken. */
  #wait(): Promise<void> {
    const { maxQueue, maxWaitMs } = this.#options
    if (this.#waiting.size >= maxQueue) throw new KmsError('cipher_busy')
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        reject(new KmsError('cipher_busy'))
      }, maxWaitMs)
      const waiting = { begin: resolve, timer }
      this.#waiting.add(waiting)
    })
  }

  #handOver(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#underWay--
      return
    }
    this.#waiting.delete(next)
    clearTimeout(next.timer)
    next.begin()
  }
}
