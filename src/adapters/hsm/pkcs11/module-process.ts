import type { ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { systemTime } from '../../../domain/time.ts'
import { encodeFrame, type Frame, FrameReader } from './channel/frames.ts'
import { ownBuffer, REFUSALS, REPLY, type Refusal, type RequestKind, wipe } from './channel/messages.ts'
import { Pkcs11Fault, refusedFault } from './fault.ts'
import { type ChildOptions, startChild } from './start-child.ts'

const CHANNEL = 3

export interface Request<T> {
  readonly kind: RequestKind
  /** Texts are no secrets. */
  readonly fields: readonly (Uint8Array | string | number)[]
  /** After so long the process is killed: nothing else ends a call into foreign code. Milliseconds. */
  readonly timeoutMs: number
  /** Called at once with the reply's fields, which are wiped after it. */
  readonly read: (fields: readonly Buffer[]) => T
}

interface Pending {
  readonly settle: (frame: Frame) => void
  readonly fail: (fault: Pkcs11Fault) => void
}

const bytesOf = (field: Uint8Array | string | number): Uint8Array => {
  if (typeof field === 'string') return Buffer.from(field, 'utf8')
  if (typeof field !== 'number') return field
  const bytes = ownBuffer(4)
  bytes.writeUInt32BE(field)
  return bytes
}

/** One run of the process that owns the vendor's library, from its start to its end. */
export class ModuleProcess {
  /** Resolves when it is gone, and never rejects. */
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #channel: Duplex
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #lost: Pkcs11Fault | undefined

  /** @throws Pkcs11Fault */
  constructor(options: ChildOptions) {
    this.#child = startChild(options)
    this.#channel = this.#child.stdio[CHANNEL] as Duplex
    const exited = Promise.withResolvers<void>()
    this.exited = exited.promise
    this.#child.once('error', (error) => {
      this.#lose(`the process for the PKCS#11 library does not start: ${error.message}`)
      if (this.#child.pid === undefined) exited.resolve()
    })
    this.#child.once('exit', (code, signal) => {
      this.#lose(`the process of the PKCS#11 library ended (${signal ?? `code ${code}`})`)
      exited.resolve()
    })
    const reader = new FrameReader((frame) => this.#deliver(frame))
    this.#channel.on('data', (chunk: Buffer) => {
      try {
        reader.accept(chunk)
      } catch {
        this.kill('the process of the PKCS#11 library sent nonsense')
      }
    })
    this.#channel.on('error', () => undefined)
    this.#unref()
  }

  get alive(): boolean {
    return this.#lost === undefined
  }

  /** @throws Pkcs11Fault */
  request<T>({ kind, fields, timeoutMs, read }: Request<T>): Promise<T> {
    if (this.#lost !== undefined)
      return Promise.reject(new Pkcs11Fault(this.#lost.message, { kind: 'spent' }))
    const id = ++this.#lastId
    const answer = Promise.withResolvers<T>()
    const cancel = systemTime.after(timeoutMs, () =>
      this.kill(`the PKCS#11 library did not answer in ${timeoutMs} ms`, id),
    )
    this.#pending.set(id, {
      settle: (frame) => {
        cancel()
        try {
          answer.resolve(read(this.#contentOf(frame)))
        } catch (error) {
          answer.reject(error)
        }
      },
      fail: (fault) => {
        cancel()
        answer.reject(fault)
      },
    })
    const frame = encodeFrame(id, kind, fields.map(bytesOf))
    this.#channel.write(frame, () => wipe(frame))
    return answer.promise
  }

  /** @param culprit the request because of which; without one, nobody is to blame */
  kill(reason: string, culprit?: number): void {
    this.#lose(reason, culprit ?? 0)
    // Whoever closes waits for its end, when there may be nothing else left to keep the program alive.
    this.#child.ref()
    this.#child.kill('SIGKILL')
  }

  #contentOf({ kind, fields }: Frame): readonly Buffer[] {
    if (kind === REPLY.done) return fields
    const [refusal = '', message = ''] = fields.map((field) => field.toString('utf8'))
    throw refusedFault(REFUSALS.includes(refusal as Refusal) ? (refusal as Refusal) : 'fault', message)
  }

  #deliver(frame: Frame): void {
    const pending = this.#pending.get(frame.id)
    this.#pending.delete(frame.id)
    try {
      pending?.settle(frame)
    } finally {
      wipe(...frame.fields)
    }
  }

  /**
   * One failure of the token's, however many wait: the others are only to try again. Who brought about the end
   * of a process that died by itself is not known, so it may be any of them.
   *
   * @param culprit 0: none of them
   */
  #lose(reason: string, culprit?: number): void {
    if (this.#lost !== undefined) return
    this.#lost = new Pkcs11Fault(reason, { kind: 'session' })
    const [first] = this.#pending.keys()
    for (const [id, { fail }] of this.#pending) {
      const kind = id === (culprit ?? first) ? 'session' : 'spent'
      fail(new Pkcs11Fault(reason, { kind, mayBeCulprit: culprit === undefined || id === culprit }))
    }
    this.#pending.clear()
    for (const stream of this.#child.stdio) stream?.destroy()
  }

  /** Whoever waits for an answer has a timer that keeps the program alive; an idle module does not. */
  #unref(): void {
    this.#child.unref()
    for (const stream of this.#child.stdio) (stream as { unref?: () => void } | null | undefined)?.unref?.()
  }
}
