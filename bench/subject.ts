import { randomBytes } from 'node:crypto'
import { askProbe } from './support/ask-probe.ts'
import { type Load, type LoadResult, load, loadWithNewConnections } from './support/load.ts'
import { ask, type ClientTls, type Request } from './support/request.ts'
import type { Target } from './targets.ts'

export const OPERATIONS = ['store', 'read', 'generateDataKey', 'decryptDataKey'] as const
export type Operation = (typeof OPERATIONS)[number]

export const forEachOperation = <T>(value: (operation: Operation) => T): Record<Operation, T> =>
  Object.fromEntries(OPERATIONS.map((operation) => [operation, value(operation)])) as Record<Operation, T>

export interface Measured extends LoadResult {
  /** Of the event loop under this load; undefined where the target can't be asked. */
  readonly loopDelayP99Ms: number | undefined
}

/** As long as an xprv. */
const PRV = `xprv${randomBytes(80).toString('base64url')}`.slice(0, 111)
const TOKENS = 32
/** Read in turn. */
const STORED = 64

let nextPub = 0
const newPub = (): string => `bench-${process.pid}-${nextPub++}`

export const storing = (pub: string): Request => ({
  method: 'POST',
  path: '/key',
  body: { pub, prv: PRV, source: 'user', coin: 'tbtc', type: 'independent' },
})
export const GENERATING: Request = { method: 'POST', path: '/generateDataKey', body: { keyType: 'AES-256' } }

export interface SubjectOptions {
  /** For how long each operation is measured. */
  readonly seconds: number
  /** Opens a TLS connection for each request. */
  readonly tls?: ClientTls
  /** Starts the target anew between storing and reading, and reads nothing twice: SJCL remembers its passwords. */
  readonly forgetful?: boolean
}

/** A target, and what has been put into it to be read. */
export class Subject {
  readonly #options: SubjectOptions
  #target: Target
  readonly #measured = new Set<Operation>()
  #pubs: string[] = []
  #tokens: string[] = []
  #turn = 0

  constructor(target: Target, options: SubjectOptions) {
    this.#target = target
    this.#options = options
  }

  async measure(operation: Operation): Promise<Measured> {
    const { seconds, tls, forgetful = false } = this.#options
    await this.#prepare(operation)
    const once = forgetful && operation === 'read'
    const run = (extent: Load['extent']): Promise<LoadResult> => {
      const wanted = { url: this.#target.url, next: () => this.#next(operation), extent }
      return tls === undefined ? load(wanted) : loadWithNewConnections(wanted, tls)
    }
    // At first code is compiled, which is done with for the rest of a service's life.
    if (!once && !this.#measured.has(operation)) await run({ seconds: 1 })
    this.#measured.add(operation)
    const { probe } = this.#target
    if (probe !== undefined) await askProbe(probe)
    const result = await run(once ? { amount: STORED } : { seconds })
    if (probe === undefined) return { ...result, loopDelayP99Ms: undefined }
    return { ...result, loopDelayP99Ms: (await askProbe(probe)).loopDelayP99Ms }
  }

  async stop(): Promise<void> {
    await this.#target.stop()
  }

  #next(operation: Operation): Request {
    const turn = this.#turn++
    if (operation === 'store') return storing(newPub())
    if (operation === 'read') return { method: 'GET', path: `/key/${this.#pubs[turn % STORED]}?source=user` }
    if (operation === 'generateDataKey') return GENERATING
    return {
      method: 'POST',
      path: '/decryptDataKey',
      body: { encryptedKey: this.#tokens[turn % TOKENS] ?? '' },
    }
  }

  async #prepare(operation: Operation): Promise<void> {
    const { forgetful = false } = this.#options
    if (operation === 'read' && (forgetful || this.#pubs.length === 0)) {
      this.#pubs = Array.from({ length: STORED }, newPub)
      await Promise.all(this.#pubs.map((pub) => this.#ask(storing(pub))))
      if (forgetful) this.#target = await this.#target.restart()
    }
    while (operation === 'decryptDataKey' && this.#tokens.length < TOKENS) {
      const { encryptedKey = '' } = await this.#ask(GENERATING)
      this.#tokens.push(encryptedKey)
    }
  }

  async #ask(next: Request): Promise<Record<string, string>> {
    const { status, text } = await ask(this.#target.url, next, this.#options.tls)
    if (status !== 200) throw new Error(`${next.path}: ${status} ${text}`)
    return JSON.parse(text)
  }
}
