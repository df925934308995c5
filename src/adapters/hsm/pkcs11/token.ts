import { KmsError } from '../../../domain/errors.ts'
import type { SecretBytes } from '../../../domain/secret-bytes.ts'
import { REQUEST } from './channel/messages.ts'
import { Pkcs11Fault } from './fault.ts'
import { ModuleProcess } from './module-process.ts'
import type { ChildOptions } from './start-child.ts'
import { TokenSession, type TokenSessionOptions } from './token-session.ts'

export interface TokenOptions {
  /** Path of the vendor's library. */
  readonly libraryPath: string
  /** By its label or by its slot. */
  readonly choice: { readonly label: string } | { readonly slot: number }
  /** Disposed of with the token. */
  readonly pin: SecretBytes
  readonly process: ChildOptions
  /** For loading the library, and for initializing it and logging in. Milliseconds. */
  readonly startTimeoutMs: number
  readonly session: TokenSessionOptions
}

const INSTALL =
  'npm install pkcs11js@2.1.7 (it is built by node-gyp: a C++ compiler, make and Python are needed)'

const startRefused = (fault: Pkcs11Fault, libraryPath: string): KmsError => {
  const text =
    fault.refusal === 'package'
      ? `HSM_PROVIDER=pkcs11 needs the package pkcs11js, which can't be loaded (${fault.message}). Install it: ${INSTALL}`
      : `PKCS11_LIBRARY is ${JSON.stringify(libraryPath)}, which can't be loaded: ${fault.message}`
  return new KmsError('start_refused', { message: text, cause: fault })
}

/** One token, behind one process at a time that is logged in at it. */
export class Token {
  readonly #options: TokenOptions
  #module: ModuleProcess | undefined
  #loggedIn: Promise<ModuleProcess> | undefined
  /** Once the PIN was refused it is never sent again: tokens lock themselves after a few wrong ones. */
  #refused: Pkcs11Fault | undefined
  #closed = false

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /**
   * Loads the library, and asks nothing of the token.
   *
   * @throws KmsError `start_refused` naming what to install, or PKCS11_LIBRARY
   */
  async load(): Promise<void> {
    try {
      await this.#load()
    } catch (error) {
      await this.close()
      throw error instanceof Pkcs11Fault ? startRefused(error, this.#options.libraryPath) : error
    }
  }

  /** Logs in, unless that was done. @throws Pkcs11Fault */
  async openSession(): Promise<TokenSession> {
    if (this.#refused !== undefined) throw this.#refused
    if (this.#closed) throw new Pkcs11Fault('the token was closed', { kind: 'session' })
    const module = await this.#login()
    const number = await module.request({
      kind: REQUEST.openSession,
      fields: [],
      timeoutMs: this.#options.session.operationTimeoutMs,
      read: ([session]) => (session as Buffer).readUInt32BE(),
    })
    return new TokenSession(module, number, this.#options.session)
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#closed = true
    this.#options.pin[Symbol.dispose]()
    this.#module?.kill('the token was closed')
    await this.#module?.exited
  }

  async #login(): Promise<ModuleProcess> {
    if (this.#loggedIn === undefined || !this.#module?.alive) this.#loggedIn = this.#start()
    return await this.#loggedIn
  }

  async #start(): Promise<ModuleProcess> {
    const module = this.#module?.alive && this.#loggedIn === undefined ? this.#module : await this.#load()
    const { choice, pin, startTimeoutMs } = this.#options
    const [label, slot] = 'label' in choice ? [choice.label, ''] : ['', String(choice.slot)]
    try {
      await module.request({
        kind: REQUEST.login,
        fields: [label, slot, pin.bytes],
        timeoutMs: startTimeoutMs,
        read: () => undefined,
      })
      return module
    } catch (error) {
      module.kill('the login failed')
      throw this.#kept(error)
    }
  }

  async #load(): Promise<ModuleProcess> {
    const module = new ModuleProcess(this.#options.process)
    this.#module = module
    try {
      await module.request({
        kind: REQUEST.load,
        fields: [this.#options.libraryPath],
        timeoutMs: this.#options.startTimeoutMs,
        read: () => undefined,
      })
      return module
    } catch (error) {
      module.kill('the library was not loaded')
      throw error
    }
  }

  #kept(error: unknown): unknown {
    if (!(error instanceof Pkcs11Fault) || error.refusal !== 'pin') return error
    this.#refused = new Pkcs11Fault(
      `the token refused PKCS11_PIN (${error.message}); it is not sent again, because a token locks itself after a few wrong ones: correct it and start anew`,
      { kind: 'login-refused', refusal: 'pin' },
    )
    return this.#refused
  }
}
