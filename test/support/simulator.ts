import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { hsm } from '@dinamonetworks/hsm-dinamo'
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/simulator.ts'
import { memorySimulatorState, type SimulatorState } from '../../src/simulator/state.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
}

export const USER: Credentials = { username: 'kms', password: 'test-password' }

/** One certificate and one store for tests that only need the device, not its objects. */
let sharedState: Promise<SimulatorState> | undefined
export const sharedSimulatorState = (): Promise<SimulatorState> => {
  sharedState ??= memorySimulatorState()
  return sharedState
}

/** A simulator for one test, with an object store of its own unless given, closed after the test. */
export const simulatorFor = async (
  t: TestContext,
  options: Partial<SimulatorOptions> = {},
): Promise<Simulator> => {
  const state = options.objects === undefined ? await memorySimulatorState() : await sharedSimulatorState()
  const simulator = await startSimulator({ ...state, users: [USER], ...options })
  t.after(() => simulator.close())
  return simulator
}

/** What `cofre serve` is told of a simulator. */
export const dinamoSettings = (
  { host, port, certificateSha256 }: Simulator,
  { username, password }: Credentials = USER,
) => ({
  HSM_PROVIDER: 'dinamo',
  DINAMO_HOST: `${host}:${port}`,
  DINAMO_USERNAME: username,
  DINAMO_PASSWORD: password,
  DINAMO_CERT_SHA256: certificateSha256,
})

type SdkConnection = Awaited<ReturnType<typeof hsm.connect>>

/** A login with the vendor's client. It has no timer of its own: the caller's test must not depend on one. */
export const sdkLogin = async (
  t: TestContext,
  { host, port }: Simulator,
  user: Credentials = USER,
): Promise<SdkConnection> => {
  const connection = await hsm.connect({ host, port, authUsernamePassword: { ...user } })
  t.after(() => connection.disconnect())
  return connection
}

/** How a connection ended, seen from the client. */
export type Ending = 'fin' | 'rst'

const DEADLINE_MS = 5_000
const CIPHERS = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:AES128-SHA256'

/** Header, then payload; `flag` is bit 31 of the second word. */
export const requestBytes = (id: number, payload: Uint8Array = Buffer.alloc(0), flag = false): Buffer => {
  const frame = Buffer.alloc(8 + payload.length)
  frame.writeUInt32LE(id, 0)
  frame.writeUInt32LE((payload.length | (flag ? 0x80000000 : 0)) >>> 0, 4)
  frame.set(payload, 8)
  return frame
}

export const nameField = (name: string): Buffer => {
  const field = Buffer.alloc(50)
  field.write(name, 'latin1')
  return field
}

/** A `key.create` request; `attributes`: 1 exportable, 4 temporary. */
export const createKeyBytes = (name: string, algorithm = 9, attributes = 5): Buffer => {
  const words = Buffer.alloc(8)
  words.writeUInt32LE(algorithm, 0)
  words.writeUInt32LE(attributes, 4)
  return requestBytes(2, Buffer.concat([words, nameField(name)]))
}

export const exportKeyBytes = (name: string): Buffer =>
  requestBytes(20, Buffer.concat([nameField(name), Buffer.alloc(4)]))

export const LOGIN_REQUEST = Buffer.from('11000000f3ffffff', 'hex')
export const HELLO = Buffer.from('4f4c454801000100', 'hex')
export const OK = requestBytes(0)

/** The error reply that a device sends for a code. */
export const errorReply = (code: number): Buffer => {
  const frame = requestBytes(0xffffffff)
  frame.writeUInt32LE((code | 0x80000000) >>> 0, 4)
  return frame
}

/**
 * A client that shows what the vendor's hides: every TLS record as it came, and how the connection ended.
 * Each wait fails after five seconds.
 */
export class RawClient {
  readonly raw: Socket
  #socket: Socket
  readonly #arrived: (Buffer | Ending)[] = []
  #wake: (() => void) | undefined

  private constructor(raw: Socket) {
    this.raw = raw
    this.#socket = raw
    this.#listen(raw)
  }

  static async connect(t: TestContext, { host, port }: Simulator): Promise<RawClient> {
    const raw = connect({ host, port, noDelay: true })
    t.after(() => raw.destroy())
    await once(raw, 'connect')
    return new RawClient(raw)
  }

  /** Up to the point where TLS stands. */
  static async secure(t: TestContext, simulator: Simulator): Promise<RawClient> {
    const client = await RawClient.connect(t, simulator)
    client.write(HELLO)
    await client.record()
    await client.startTls()
    return client
  }

  static async login(t: TestContext, simulator: Simulator, user = USER): Promise<RawClient> {
    const client = await RawClient.secure(t, simulator)
    const verdict = await client.authenticate(user)
    if (!verdict.equals(OK)) throw new Error(`login refused: ${verdict.toString('hex')}`)
    return client
  }

  async startTls(): Promise<TLSSocket> {
    this.raw.removeAllListeners('data')
    this.raw.pause()
    const secure = connectTls({
      socket: this.raw,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: CIPHERS,
    })
    this.#socket = secure
    this.#listen(secure)
    await new Promise((resolve) => secure.once('secureConnect', resolve).once('close', resolve))
    return secure
  }

  /** @returns the verdict */
  async authenticate(user: Credentials = USER): Promise<Buffer> {
    this.write(LOGIN_REQUEST)
    this.prove((await this.record()).subarray(8), user)
    return this.record()
  }

  /** Answers the challenge. */
  prove(challenge: Buffer, { username, password }: Credentials = USER): void {
    const md5 = (...parts: Buffer[]): Buffer => createHash('md5').update(Buffer.concat(parts)).digest()
    const field = (text: string): Buffer => {
      const bytes = Buffer.alloc(16)
      bytes.write(text)
      return bytes
    }
    this.write(Buffer.concat([md5(md5(field(password)), challenge), field(username)]))
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** Sends a request and gives the next record. */
  request(bytes: Buffer): Promise<Buffer> {
    this.write(bytes)
    return this.record()
  }

  /** The next record (in plain TCP: the next segment). */
  async record(): Promise<Buffer> {
    const next = await this.#next()
    if (typeof next === 'string') throw new Error(`the connection ended (${next}) instead of a record`)
    return next
  }

  async ending(): Promise<Ending> {
    const next = await this.#next()
    if (typeof next !== 'string') throw new Error(`a record (${next.toString('hex')}) instead of the end`)
    return next
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#push(chunk))
    socket.on('end', () => this.#push('fin'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A handshake that is cut off is reported as ECONNRESET too, but not by a system call.
      this.#push(error.code === 'ECONNRESET' && error.syscall === 'read' ? 'rst' : 'fin')
    })
  }

  #push(item: Buffer | Ending): void {
    this.#arrived.push(item)
    this.#wake?.()
  }

  async #next(): Promise<Buffer | Ending> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => reject(new Error('nothing arrived')), DEADLINE_MS)
    this.#wake = resolve
    try {
      if (this.#arrived.length === 0) await promise
    } finally {
      clearTimeout(timer)
      this.#wake = undefined
    }
    return this.#arrived.shift() as Buffer | Ending
  }
}
