import { createPublicKey, type KeyObject } from 'node:crypto'
import { SecretBytes } from '../../../../domain/secret-bytes.ts'
import { DATA_KEY_BYTES } from '../../../../domain/wrapped-data-key.ts'
import { checkBlock, checkName } from './arguments.ts'
import type {
  DinamoAnswer,
  DinamoPrivateHalf,
  DinamoSession,
  DinamoSessionOptions,
} from './dinamo-session.ts'
import { ERROR_CODE, isOwnFault } from './error-codes.ts'
import type { Exchange, GuardedChannel } from './guarded-channel.ts'
import { REPLY, type ReplyShape } from './reply-frame.ts'
import { ALGORITHM, type DinamoSdk } from './sdk.ts'
import { SessionError } from './session-error.ts'

const CLOSE_TIMEOUT_MS = 1_000

/** How often a block is asked for whose answers differ. */
const MAX_ROUNDS = 4

const deviceError = (code: number): never => {
  throw new SessionError('device', `the HSM answered with error ${code}`, { code })
}

/** Devices give one form or the other, whatever they are asked for. @throws Error if it is neither */
const parsePublicKey = (der: Buffer): KeyObject => {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return createPublicKey({ key: der, format: 'der', type: 'pkcs1' })
  }
}

const isDataKey = (answer: DinamoAnswer): answer is DinamoAnswer & { readonly kind: 'opened' } =>
  answer.kind === 'opened' && answer.bytes.length === DATA_KEY_BYTES

const wipe = (answer: DinamoAnswer): void => {
  if (answer.kind === 'opened') answer.bytes[Symbol.dispose]()
}

/** Of bytes that are no data key the length says enough: a device may pad with random ones. */
const isAlike = (one: DinamoAnswer, other: DinamoAnswer): boolean => {
  if (one.kind === 'opened' && other.kind === 'opened') {
    return one.bytes.length === other.bytes.length && (!isDataKey(one) || one.bytes.equals(other.bytes))
  }
  return one.kind === 'refused' && other.kind === 'refused'
    ? one.code === other.code
    : one.kind === other.kind
}

/** Precondition: the channel is logged in. */
export class GuardedSession implements DinamoSession {
  readonly #sdk: DinamoSdk
  readonly #channel: GuardedChannel
  readonly #options: DinamoSessionOptions
  #busy = false
  #closing = false

  constructor(sdk: DinamoSdk, channel: GuardedChannel, options: DinamoSessionOptions) {
    this.#sdk = sdk
    this.#channel = channel
    this.#options = options
  }

  get usable(): boolean {
    return this.#channel.intact && !this.#closing
  }

  async createRootKey(name: string): Promise<'created' | 'exists'> {
    checkName(name)
    const { rootKeyExportable, rsaTimeoutMs } = this.#options
    return await this.#turn(() =>
      this.#exchange<unknown, 'created' | 'exists'>({
        reply: REPLY.done,
        deadlineMs: rsaTimeoutMs,
        call: () => this.#sdk.key.create(name, ALGORITHM.rsa2048, rootKeyExportable, false),
        read: () => 'created',
        refused: (code) => (code === ERROR_CODE.objectExists ? 'exists' : deviceError(code)),
      }),
    )
  }

  async exportPublicKey(name: string): Promise<KeyObject | undefined> {
    checkName(name)
    return await this.#turn(() =>
      this.#exchange<Buffer, KeyObject | undefined>({
        reply: REPLY.publicKey,
        call: () => this.#sdk.key.exportAsymmetricPub(name, true),
        read: parsePublicKey,
        refused: (code) => (code === ERROR_CODE.noSuchObject ? undefined : deviceError(code)),
      }),
    )
  }

  async tryPrivateKey(name: string): Promise<DinamoPrivateHalf> {
    checkName(name)
    if (this.#options.rootKeyExportable) return { kind: 'may-leave' }
    return await this.#turn(() =>
      this.#exchange<Buffer, DinamoPrivateHalf>({
        reply: REPLY.privateKey,
        call: () => this.#sdk.key.exportAsymmetricPriv(name),
        read: (bytes) => {
          bytes.fill(0)
          return { kind: 'leaves' }
        },
        refused: (code) => {
          if (code === ERROR_CODE.accessDenied) return { kind: 'stays' }
          if (code === ERROR_CODE.noSuchObject) return { kind: 'no-such-object' }
          return isOwnFault(code) ? deviceError(code) : { kind: 'unclear', code }
        },
      }),
    )
  }

  async makeDataKey(name: string): Promise<SecretBytes> {
    checkName(name)
    return await this.#turn(async () => {
      await this.#exchange({
        reply: REPLY.done,
        call: () => this.#sdk.key.create(name, ALGORITHM.aes256, true, true),
        read: () => undefined,
      })
      return await this.#exchange({
        reply: REPLY.dataKey,
        call: () => this.#sdk.key.exportSymmetric(name),
        read: (bytes) => SecretBytes.copyOf(bytes),
      })
    })
  }

  async unwrap(name: string, block: Uint8Array): Promise<DinamoAnswer> {
    checkName(name)
    checkBlock(block)
    return await this.#turn(async () => {
      const answer = await this.#unenvelop(name, block)
      return isDataKey(answer) ? answer : await this.#confirm(name, block, answer)
    })
  }

  #unenvelop(name: string, block: Uint8Array): Promise<DinamoAnswer> {
    return this.#exchange<Buffer, DinamoAnswer>({
      reply: REPLY.unwrapped,
      call: () => this.#sdk.cryptography.dataUnenvelop(name, block),
      read: (bytes) => ({ kind: 'opened', bytes: SecretBytes.copyOf(bytes) }),
      refused: (code) => {
        if (code === ERROR_CODE.noSuchObject) return { kind: 'no-such-object' }
        return isOwnFault(code) ? deviceError(code) : { kind: 'refused', code }
      },
    })
  }

  /**
   * Asks again where the answer was no data key. An empty frame that nobody asked for, or a damaged reply, would
   * make a good key look bad; but a good key comes back, be it as the late first answer, and shows that this
   * session can't be trusted. What is bad is so twice, in the same way.
   *
   * A device may answer a bad block with random bytes, now and then with 32 of them: only what comes back the same
   * once more is a key, and after four answers the last one stands. Otherwise garbage could end sessions.
   *
   * Every block that is answered alike takes the same two rounds: the clock must not tell one of the right padding
   * from one of the wrong.
   */
  async #confirm(name: string, block: Uint8Array, first: DinamoAnswer): Promise<DinamoAnswer> {
    let last = first
    for (let round = 2; round <= MAX_ROUNDS; round++) {
      const before = last
      try {
        last = await this.#unenvelop(name, block)
        if (!isAlike(before, last)) continue
      } finally {
        wipe(before)
      }
      if (!isDataKey(last)) return last
      wipe(last)
      const failure = new SessionError('protocol', 'two answers to one question differ')
      this.#channel.fail(failure)
      throw failure
    }
    return last
  }

  destroy(): void {
    this.#channel.fail(new SessionError('closed', 'the session was destroyed'))
  }

  async close(): Promise<void> {
    if (this.#busy) this.destroy()
    const timer = setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS)
    try {
      if (this.usable) {
        this.#closing = true
        void this.#sdk.disconnect()
      }
      await this.#channel.closed()
    } finally {
      clearTimeout(timer)
    }
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new TypeError('a session carries out one operation at a time')
    if (this.#closing) throw new SessionError('closed', 'the session was closed')
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }

  #exchange<Value, Result>({
    reply,
    deadlineMs = this.#options.operationTimeoutMs,
    refused = deviceError,
    ...rest
  }: Pick<Exchange<Value, Result>, 'call' | 'read'> &
    Partial<Exchange<Value, Result>> & { readonly reply: ReplyShape }): Promise<Result> {
    return this.#channel.exchange({ ...rest, replies: [reply], deadlineMs, refused })
  }
}
