import { createPublicKey, type KeyObject } from 'node:crypto'
import type { FillRandom } from '../../../domain/random.ts'
import type { RootKeyReference, WrappingAlgorithm } from '../../../domain/root-key.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import { DATA_KEY_BYTES } from '../../../domain/wrapped-data-key.ts'
import type { CreatedRootKey } from '../../../ports/hsm.port.ts'
import type { PooledSession } from '../sessions/session.ts'
import { applyMask, MASK_BYTES, ownBuffer, REQUEST, wipe } from './channel/messages.ts'
import { Pkcs11Fault } from './fault.ts'
import type { ModuleProcess, Request } from './module-process.ts'

export interface TokenSessionOptions {
  /** For one call, as long as the library may take. Milliseconds. */
  readonly operationTimeoutMs: number
  /** The same for an RSA pair. */
  readonly rsaTimeoutMs: number
  readonly random: FillRandom
}

const parsePublicKey = (spki: Buffer): KeyObject =>
  createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })

/** A session at the token, in the module's process; one operation at a time. */
export class TokenSession implements PooledSession {
  readonly #module: ModuleProcess
  readonly #number: number
  readonly #options: TokenSessionOptions
  #busy = false
  #closed = false

  constructor(module: ModuleProcess, number: number, options: TokenSessionOptions) {
    this.#module = module
    this.#number = number
    this.#options = options
  }

  get usable(): boolean {
    return this.#module.alive && !this.#closed
  }

  async createRootKey(label: string, algorithm: WrappingAlgorithm): Promise<CreatedRootKey> {
    return await this.#ask({
      kind: REQUEST.createRootKey,
      fields: [this.#number, label, algorithm],
      timeoutMs: this.#options.rsaTimeoutMs,
      read: ([created, spki]) => ({
        outcome: created?.[0] === 1 ? 'created' : 'exists',
        publicKey: parsePublicKey(spki as Buffer),
      }),
    })
  }

  async readPublicKey(label: string, publicKeySha256: string): Promise<KeyObject | undefined> {
    return await this.#ask({
      kind: REQUEST.readPublicKey,
      fields: [this.#number, label, Buffer.from(publicKeySha256, 'hex')],
      read: ([spki]) => (spki === undefined ? undefined : parsePublicKey(spki)),
    })
  }

  async checkOrigin(label: string, publicKeySha256: string): Promise<string | undefined> {
    return await this.#ask({
      kind: REQUEST.checkOrigin,
      fields: [this.#number, label, Buffer.from(publicKeySha256, 'hex')],
      read: ([flaw]) => flaw?.toString('utf8'),
    })
  }

  async destroyRootKey(label: string, publicKeySha256: string): Promise<void> {
    await this.#ask({
      kind: REQUEST.destroyRootKey,
      fields: [this.#number, label, Buffer.from(publicKeySha256, 'hex')],
      read: () => undefined,
    })
  }

  async makeDataKey(): Promise<SecretBytes> {
    return await this.#masked(async (mask) =>
      this.#ask({
        kind: REQUEST.makeDataKey,
        fields: [this.#number, mask],
        read: ([key]) => unmasked(key as Buffer, mask),
      }),
    )
  }

  /**
   * What is no data key is asked for once more, after the token has opened a good block on this session: an error
   * code may mean that the HSM behind the library is away. Whoever chooses blocks must not learn from the clock to
   * what they open, so each that is bad takes the same three steps: `isDoubted` makes up for the caller's own second
   * round about 32 wrong bytes.
   *
   * @param isDoubted the first answer, a data key, was given already and is the wrong one
   * @returns undefined if the token has no such root key
   */
  async unwrap(
    rootKey: RootKeyReference,
    block: Uint8Array,
    { isDoubted }: { readonly isDoubted: boolean },
  ): Promise<SecretBytes | undefined> {
    if (!isDoubted) {
      const first = await this.#unwrapOnce(rootKey, block)
      if (first === undefined || first.length === DATA_KEY_BYTES) return first
      first[Symbol.dispose]()
    }
    await this.#ask({
      kind: REQUEST.prove,
      fields: this.#unwrapping(rootKey),
      read: () => undefined,
    })
    return await this.#unwrapOnce(rootKey, block)
  }

  #unwrapping({ id, publicKeySha256, algorithm }: RootKeyReference): Request<never>['fields'] {
    return [this.#number, id, Buffer.from(publicKeySha256, 'hex'), algorithm]
  }

  async #unwrapOnce(rootKey: RootKeyReference, block: Uint8Array): Promise<SecretBytes | undefined> {
    return await this.#masked(async (mask) =>
      this.#ask({
        kind: REQUEST.unwrap,
        fields: [...this.#unwrapping(rootKey), block, mask],
        read: ([opened]) => (opened === undefined ? undefined : unmasked(opened, mask)),
      }),
    )
  }

  async close(): Promise<void> {
    if (!this.usable) return
    this.#closed = true
    await this.#module.request({
      kind: REQUEST.closeSession,
      fields: [this.#number],
      timeoutMs: this.#options.operationTimeoutMs,
      read: () => undefined,
    })
  }

  /** What is under way can be ended only with the process. */
  destroy(): void {
    if (this.#busy) this.#module.kill('a session was given up with a call under way')
    else void this.close().catch(() => undefined)
    this.#closed = true
  }

  /** Masks what comes back: the runtime's own read buffers, which nobody wipes, get to hold noise. */
  async #masked<T>(ask: (mask: Buffer) => Promise<T>): Promise<T> {
    const mask = this.#options.random(ownBuffer(MASK_BYTES))
    try {
      return await ask(mask)
    } finally {
      wipe(mask)
    }
  }

  async #ask<T>(request: Omit<Request<T>, 'timeoutMs'> & { readonly timeoutMs?: number }): Promise<T> {
    if (this.#busy) throw new TypeError('a session carries out one operation at a time')
    this.#busy = true
    try {
      return await this.#module.request({ timeoutMs: this.#options.operationTimeoutMs, ...request })
    } catch (error) {
      // A fresh process is the one way to begin anew that foreign code can't get in the way of.
      if (error instanceof Pkcs11Fault && error.kind === 'session') this.#module.kill(error.message)
      throw error
    } finally {
      this.#busy = false
    }
  }
}

const unmasked = (bytes: Buffer, mask: Buffer): SecretBytes =>
  SecretBytes.fill(bytes.length, (own) => {
    own.set(bytes)
    applyMask(own, mask)
  })
