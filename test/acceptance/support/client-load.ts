import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { until } from '../../adapters/hsm/dinamo/support.ts'
import { type Answer, ask } from '../../durability/support/client.ts'

interface StoredKey {
  readonly pub: string
  readonly source: 'user' | 'backup'
  readonly prv: string
}

interface DataKey {
  readonly plaintextKey: string
  readonly encryptedKey: string
}

const oneOf = <T>(items: readonly T[]): T => items[randomInt(items.length)] as T

const newKey = (): StoredKey => ({
  pub: `xpub-${randomBytes(16).toString('hex')}`,
  source: oneOf(['user', 'backup'] as const),
  prv: `xprv-${randomBytes(32).toString('hex')}`,
})

/**
 * Clients that store, read, make and open keys until they are stopped, each on a new connection. Every answer is
 * checked against what was stored and given before; whatever an operation was not answered with is kept.
 */
export class ClientLoad {
  /** How often each operation got each status: `read 200`. */
  readonly statuses = new Map<string, number>()
  /** Answers that held another key than the one asked for, or a 503 that does not say when to come back. */
  readonly wrong: string[] = []
  readonly acknowledged: StoredKey[] = []
  /** Answered with 200. */
  served = 0
  readonly #dataKeys: DataKey[] = []
  readonly #url: string
  readonly #clients: Promise<void>
  #stopped = false

  constructor(url: string, clients = 8) {
    this.#url = url
    this.#clients = Promise.all(Array.from({ length: clients }, () => this.#run())).then(() => undefined)
    // It is for `stop` to tell.
    this.#clients.catch(() => undefined)
  }

  /** Resolves when so many more operations are served. */
  async serve(count: number): Promise<void> {
    const goal = this.served + count
    await until(() => this.served >= goal, `${count} operations`)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#clients
  }

  /** Every key that was acknowledged is there and is the one that was stored. */
  async assertNothingLost(): Promise<void> {
    assert.deepEqual(this.wrong, [])
    const left = [...this.acknowledged]
    const readers = Array.from({ length: 8 }, async () => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) {
        const { status, body } = await this.#read(key)
        assert.deepEqual([status, body.prv], [200, key.prv])
      }
    })
    await Promise.all(readers)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const key = newKey()
      const stored = await ask(this.#url, '/key', { ...key, coin: 'tbtc', type: 'independent' })
      if (this.#count('store', stored)) this.acknowledged.push(key)
      if (this.acknowledged.length > 0) {
        const known = oneOf(this.acknowledged)
        const read = await this.#read(known)
        if (this.#count('read', read) && read.body.prv !== known.prv) this.wrong.push('a private key')
      }
      const made = await ask(this.#url, '/generateDataKey', { keyType: 'AES-256' })
      if (this.#count('generate', made)) this.#dataKeys.push(made.body as unknown as DataKey)
      if (this.#dataKeys.length > 0) {
        const { encryptedKey, plaintextKey } = oneOf(this.#dataKeys)
        const opened = await ask(this.#url, '/decryptDataKey', { encryptedKey })
        const isRight = opened.body.plaintextKey === plaintextKey
        if (this.#count('decrypt', opened) && !isRight) this.wrong.push('a data key')
      }
    }
  }

  #read({ pub, source }: StoredKey): Promise<Answer> {
    return ask(this.#url, `/key/${pub}?source=${source}`)
  }

  /** @returns whether it was served */
  #count(operation: string, { status, headers }: Answer): boolean {
    const name = `${operation} ${status}`
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1)
    if (status === 503 && headers['retry-after'] === undefined) this.wrong.push('a 503 without Retry-After')
    if (status !== 200) return false
    this.served++
    return true
  }
}
