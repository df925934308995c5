import type { TLSSocket } from 'node:tls'
import { NotTheReply, type Reply, ReplyAssembler, type ReplyShape } from './reply-frame.ts'
import type { SdkSocket } from './sdk.ts'
import { SessionError } from './session-error.ts'

/** One call of the SDK. */
export interface Exchange<Value, Result> {
  /** What it is answered with, in this order. */
  readonly replies: readonly ReplyShape[]
  /** Milliseconds, for all of it. */
  readonly deadlineMs: number
  readonly call: () => Promise<Value>
  /** The reply is wiped afterwards. What it throws is taken for a reply that is not the right one. */
  readonly read: (value: Value) => Result
  /** @throws SessionError where the code is no answer */
  readonly refused: (code: number) => Result
}

interface UnderWay {
  readonly awaited: ReplyShape[]
  readonly seen: Reply[]
  /** Ends the waiting for the SDK, which may never settle. */
  readonly giveUp: () => void
}

/**
 * What the SDK takes for its TLS socket. It gets whole frames only, exactly those that are awaited, and can
 * neither leave a listener behind nor bring the process down. Whatever goes wrong destroys the connection: a
 * reply that comes after it would be taken for the next one's.
 */
export class GuardedChannel implements SdkSocket {
  readonly #socket: TLSSocket
  readonly #assembler = new ReplyAssembler()
  #underWay: UnderWay | undefined
  #listener: ((frame: Buffer) => void) | undefined
  #failure: SessionError | undefined

  constructor(socket: TLSSocket) {
    this.#socket = socket
    const ended = (): void => this.fail(new SessionError('closed', 'the HSM ended the connection'))
    socket.on('error', (cause) => this.fail(new SessionError('closed', 'the connection failed', { cause })))
    socket.on('end', ended)
    socket.on('close', ended)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    if (socket.destroyed) ended()
  }

  get intact(): boolean {
    return this.#failure === undefined
  }

  /**
   * Precondition: no other exchange is under way.
   *
   * @throws SessionError; the connection is destroyed then
   */
  async exchange<Value, Result>(exchange: Exchange<Value, Result>): Promise<Result> {
    if (this.#failure !== undefined) {
      throw new SessionError('closed', 'the session had ended', { cause: this.#failure })
    }
    const { promise, resolve } = Promise.withResolvers<PromiseSettledResult<Value> | undefined>()
    const underWay: UnderWay = {
      awaited: [...exchange.replies],
      seen: [],
      giveUp: () => resolve(undefined),
    }
    this.#underWay = underWay
    const timer = setTimeout(
      () => this.fail(new SessionError('deadline', `no reply within ${exchange.deadlineMs} ms`)),
      exchange.deadlineMs,
    )
    try {
      exchange.call().then(
        (value) => resolve({ status: 'fulfilled', value }),
        (reason: unknown) => resolve({ status: 'rejected', reason }),
      )
      return this.#conclude(exchange, underWay, await promise)
    } catch (error) {
      const failure =
        error instanceof SessionError
          ? error
          : new SessionError('protocol', 'not the reply that was asked for', { cause: error })
      this.fail(failure)
      throw failure
    } finally {
      clearTimeout(timer)
      this.#underWay = undefined
      this.#listener = undefined
      for (const { frame } of underWay.seen) frame.fill(0)
    }
  }

  #conclude<Value, Result>(
    { read, refused }: Exchange<Value, Result>,
    { awaited, seen }: UnderWay,
    outcome: PromiseSettledResult<Value> | undefined,
  ): Result {
    // Also if something came behind the reply: then it may not have been the reply.
    if (this.#failure !== undefined) throw this.#failure
    if (awaited.length > 0) throw new NotTheReply('the SDK ended the call before the reply')
    const code = seen.at(-1)?.errorCode
    if (code !== undefined && outcome?.status === 'rejected') return refused(code)
    if (code === undefined && outcome?.status === 'fulfilled') return read(outcome.value)
    throw new NotTheReply('the SDK makes something else of the reply than it is')
  }

  #receive(chunk: Buffer): void {
    try {
      const [shape] = this.#underWay?.awaited ?? []
      if (this.#underWay === undefined || shape === undefined) {
        throw new NotTheReply(`${chunk.length} bytes that nobody asked for`)
      }
      const reply = this.#assembler.push(chunk, shape)
      if (reply !== undefined) this.#deliver(reply, this.#underWay)
    } catch (cause) {
      chunk.fill(0)
      this.fail(new SessionError('protocol', 'not the reply that was asked for', { cause }))
    }
  }

  #deliver(reply: Reply, { awaited, seen }: UnderWay): void {
    seen.push(reply)
    awaited.shift()
    // Nothing more follows an error reply.
    if (reply.errorCode !== undefined) awaited.length = 0
    const listener = this.#listener
    this.#listener = undefined
    if (listener === undefined) throw new NotTheReply('the SDK does not listen')
    listener(reply.frame)
  }

  /** Destroys the connection, and fails what is under way. Only the first reason counts. */
  fail(failure: SessionError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#socket.destroy()
    this.#assembler.wipe()
    this.#underWay?.giveUp()
  }

  /** Errors are not the SDK's business: the exchange fails by itself. */
  once(event: string, listener: (frame: Buffer) => void): this {
    if (event === 'data') this.#listener = listener
    return this
  }

  write(bytes: Buffer, written?: () => void): true {
    this.#socket.write(bytes, () => written?.())
    return true
  }

  /** When what was written has left. */
  destroy(): void {
    this.#socket.destroySoon()
  }

  /** Resolves when the connection is no more. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await new Promise((resolve) => this.#socket.once('close', resolve))
  }
}
