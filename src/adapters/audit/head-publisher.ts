import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../domain/random.ts'
import type { AuditHeadRepository } from '../../ports/key-repository.port.ts'
import type { Logger } from '../../ports/logger.port.ts'
import type { Position } from './record.ts'

export interface HeadPublisherOptions {
  readonly instance: string
  /** The end of what is on disk. */
  readonly head: () => Position
  readonly heads: AuditHeadRepository
  readonly logger: Logger
  readonly clock: Clock
  readonly intervalMs: number
  /** How long closing waits for the store. */
  readonly deadlineMs: number
}

/** Tells the log's end where whoever can cut the log can't untell it: the store and the service log. */
export class HeadPublisher {
  readonly #options: HeadPublisherOptions
  readonly #timer: NodeJS.Timeout
  #saved = 0
  #logged = 0
  #saving: Promise<void> | undefined

  constructor(options: HeadPublisherOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.publish(), options.intervalMs).unref()
  }

  /** Never fails: what could not be saved is tried again at the next interval. */
  async publish(): Promise<void> {
    const { instance, head, logger } = this.#options
    try {
      await this.publishOrFail()
    } catch (err) {
      logger.warn({ err, instance, sequence: head().sequence }, 'audit head could not be saved in the store')
    }
  }

  /** @throws as the store does */
  async publishOrFail(): Promise<void> {
    const { instance, head, logger } = this.#options
    const { sequence, hash } = head()
    if (sequence > this.#logged) {
      this.#logged = sequence
      logger.info({ instance, sequence, hash }, 'audit head')
    }
    // One at a time: a store that does not answer must not gather promises.
    if (sequence <= this.#saved) return
    this.#saving ??= this.#save({ sequence, hash }).finally(() => {
      this.#saving = undefined
    })
    await this.#saving
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const published = async (): Promise<void> => {
      await this.#saving?.catch(() => undefined)
      await this.publish()
    }
    await Promise.race([published(), sleep(this.#options.deadlineMs, undefined, { ref: false })])
  }

  async #save({ sequence, hash }: Position): Promise<void> {
    const { instance, heads, clock } = this.#options
    await heads.saveAuditHead({ instance, sequence, hash, savedAt: clock() })
    this.#saved = sequence
  }
}
