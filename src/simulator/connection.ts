import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Device } from './device.ts'
import { DeviceError, ERROR_CODE } from './device-error.ts'
import { carryOut, keyIn, operationOf } from './dispatch.ts'
import type { Message } from './faults.ts'
import { errorFrame, type Request, RequestReader, replyFrame } from './frames.ts'
import { readHello } from './hello.ts'
import { Outbox, type Step } from './outbox.ts'
import { LOGIN, REQUEST } from './protocol.ts'
import type { Session } from './session.ts'
import type { ConnectionStats } from './stats.ts'
import type { StartTls } from './tls-acceptor.ts'
import { SocketWire } from './wire.ts'

const MAX_REQUEST_BYTES = 8 * 1024 * 1024

/**
 * The life of one connection: hello and ack in plain TCP, TLS, login, then requests one at a time. What arrives
 * while one is carried out waits.
 */
export class Connection {
  readonly #device: Device
  readonly #raw: Socket
  readonly #startTls: StartTls
  readonly #wire: SocketWire
  readonly #outbox: Outbox
  readonly #stats: ConnectionStats
  readonly #requests = new RequestReader(MAX_REQUEST_BYTES)
  readonly #handshakeDeadline: NodeJS.Timeout
  #socket: Socket
  #challenge: Buffer | undefined
  #session: Session | undefined
  #busy = false
  readonly #over = Promise.withResolvers<void>()

  constructor(raw: Socket, device: Device, startTls: StartTls) {
    this.#raw = raw
    this.#socket = raw
    this.#device = device
    this.#startTls = startTls
    this.#wire = new SocketWire(raw)
    this.#outbox = new Outbox(device, this.#wire, (line) => this.#log(line))
    this.#stats = device.stats.addConnection()
    this.#handshakeDeadline = setTimeout(
      () => this.#drop('handshake took too long'),
      device.handshakeTimeoutMs,
    )
    raw.on('error', (error) => this.#log(error.message))
    raw.once('close', () => this.#ended())
    readHello(raw)
      .then((ack) => this.#greet(ack))
      .catch((error: Error) => this.#drop(error.message))
  }

  /** Resolves when it is over and its session has ended. */
  destroy(): Promise<void> {
    this.#socket.destroy()
    this.#raw.destroy()
    return this.#over.promise
  }

  #log(line: string): void {
    this.#device.log(`connection ${this.#stats.id}: ${line}`)
  }

  #drop(reason: string): void {
    if (this.#raw.destroyed) return
    this.#log(`dropped: ${reason}`)
    void this.destroy()
  }

  #ended(): void {
    clearTimeout(this.#handshakeDeadline)
    this.#stats.open = false
    if (this.#session !== undefined) {
      this.#device.logout(this.#session)
      this.#log('logged out')
    }
    this.#session = undefined
    this.#over.resolve()
  }

  async #greet(ack: Buffer): Promise<void> {
    const goOn =
      (await this.#outbox.send({ stage: 'ack' }, ack)) && (await this.#outbox.passes({ stage: 'tls' }))
    if (goOn) this.#startTls(this.#raw, (socket) => this.#secured(socket))
    // Reads on, deaf, to notice that the client is gone.
    else this.#raw.resume()
  }

  #secured(socket: Socket): void {
    clearTimeout(this.#handshakeDeadline)
    this.#socket = socket
    this.#wire.secure(socket)
    socket.on('error', (error) => this.#drop(error.message))
    socket.setTimeout(this.#device.idleTimeoutMs)
    socket.on('timeout', () => this.#idle())
    socket.on('data', (chunk: Buffer) => {
      this.#stats.applicationBytes += chunk.length
      this.#device.stats.applicationBytes += chunk.length
      this.#requests.push(chunk)
      // Otherwise it keeps reading while busy, to notice that the client is gone.
      if (this.#busy && this.#requests.length > MAX_REQUEST_BYTES) socket.pause()
      this.#advance()
    })
  }

  #idle(): void {
    // A long operation is not idleness: the timer starts again.
    if (this.#busy) {
      this.#socket.setTimeout(this.#device.idleTimeoutMs)
      return
    }
    this.#log('closed: idle')
    this.#wire.closeNotify()
  }

  #advance(): void {
    if (this.#busy) return
    try {
      for (;;) {
        const step = this.#step()
        if (step instanceof Promise) {
          this.#waitFor(step)
          return
        }
        if (!step) return
      }
    } catch (error) {
      this.#drop(error instanceof Error ? error.message : 'failed')
    }
  }

  #waitFor(step: Promise<boolean>): void {
    this.#busy = true
    step.then(
      () => {
        this.#busy = false
        this.#socket.resume()
        this.#advance()
      },
      (error: Error) => this.#drop(error.message),
    )
  }

  /** Takes the next thing from what has arrived; `false` where there is none. */
  #step(): Step {
    if (this.#raw.destroyed) return false
    if (this.#challenge !== undefined) {
      const answer = this.#requests.take(LOGIN.proofBytes + LOGIN.usernameBytes)
      return answer === undefined ? false : this.#finishLogin(this.#challenge, answer)
    }
    const request = this.#requests.next()
    if (request === undefined) return false
    if (request.id === REQUEST.close) return this.#close()
    if (request.isLogin && this.#session === undefined) return this.#beginLogin()
    return this.#perform(request)
  }

  #beginLogin(): Step {
    this.#challenge = randomBytes(LOGIN.challengeBytes)
    return this.#outbox.send({ stage: 'challenge' }, replyFrame(this.#challenge))
  }

  /** A refused client stays connected and may begin again. */
  #finishLogin(challenge: Buffer, answer: Buffer): Step {
    this.#challenge = undefined
    try {
      this.#session = this.#device.login(challenge, answer)
    } catch (error) {
      this.#device.stats.refusedLogins += 1
      return this.#sendError({ stage: 'verdict' }, error)
    }
    this.#device.stats.logins += 1
    this.#stats.loggedIn = true
    this.#log(`logged in as ${this.#session.user}`)
    return this.#outbox.send({ stage: 'verdict' }, replyFrame())
  }

  #close(): Step {
    this.#device.stats.operations.close += 1
    void this.destroy()
    return false
  }

  #perform(request: Request): Step {
    const operation = operationOf(request)
    this.#device.stats.operations[operation] += 1
    if (this.#device.faults === undefined) return this.#answer(request, { stage: 'reply', operation })
    const message: Message = { stage: 'reply', operation, key: keyIn(request, this.#session) }
    const passes = this.#outbox.passes({ ...message, stage: 'request' })
    if (passes === true) return this.#answer(request, message)
    return Promise.resolve(passes).then((goOn) => !goOn || this.#answer(request, message))
  }

  #answer(request: Request, message: Message): Step {
    try {
      const reply = carryOut(request, this.#session, this.#device.policy)
      if (!(reply instanceof Promise)) return this.#outbox.send(message, reply)
      return reply.then(
        (frame) => this.#outbox.send(message, frame),
        (error: unknown) => this.#sendError(message, error),
      )
    } catch (error) {
      return this.#sendError(message, error)
    }
  }

  #sendError(message: Message, error: unknown): Step {
    const code = error instanceof DeviceError ? error.code : ERROR_CODE.noResources
    if (!(error instanceof DeviceError))
      this.#log(`failed: ${error instanceof Error ? error.message : 'unknown'}`)
    this.#device.stats.errorReplies += 1
    this.#log(`${message.operation ?? message.stage} refused, ${code}`)
    return this.#outbox.send(message, errorFrame(code))
  }
}
