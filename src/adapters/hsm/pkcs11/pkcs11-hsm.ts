import type { KeyObject } from 'node:crypto'
import { KmsError } from '../../../domain/errors.ts'
import type { RootKeyReference, WrappingAlgorithm } from '../../../domain/root-key.ts'
import type { SecretBytes } from '../../../domain/secret-bytes.ts'
import { DATA_KEY_BYTES } from '../../../domain/wrapped-data-key.ts'
import type {
  CreatedRootKey,
  HsmPort,
  RootKeyOrigin,
  RootKeyRemoval,
  UnwrapOptions,
} from '../../../ports/hsm.port.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { HostGroup, type RunOptions } from '../sessions/host-group.ts'
import { classifyPkcs11, Pkcs11Fault } from './fault.ts'
import type { Token } from './token.ts'
import type { TokenSession } from './token-session.ts'

export interface Pkcs11HsmOptions {
  /** Loaded. Closed with the HSM. */
  readonly token: Token
  /** The token, as it stands in logs and metrics. */
  readonly name: string
  readonly candidates: readonly [WrappingAlgorithm, ...WrappingAlgorithm[]]
  readonly deadlineMs: number
  readonly rsaTimeoutMs: number
  readonly maxSessions: number
  readonly logger: Logger
}

/** A call that ends the library's process is made no more often than this. */
const MAX_ENDS = 3

/** A token behind a vendor's PKCS#11 library. */
export class Pkcs11Hsm implements HsmPort, RootKeyRemoval {
  readonly provider = 'pkcs11'
  readonly wrapping: HsmPort['wrapping']
  readonly #options: Pkcs11HsmOptions
  readonly #group: HostGroup<TokenSession>
  /** Blocks that opened to 32 bytes: whoever asks for one again doubts them. */
  readonly #opened = new WeakSet<Uint8Array>()

  constructor(options: Pkcs11HsmOptions) {
    const { token, name, candidates, deadlineMs, maxSessions, logger } = options
    this.#options = options
    this.wrapping = { candidates, setting: 'PKCS11_PADDING' }
    this.#group = new HostGroup<TokenSession>({
      provider: this.provider,
      hosts: [name],
      account: 'the PKCS#11 user',
      open: () => token.openSession(),
      classify: classifyPkcs11,
      admit: async () => undefined,
      deadlineMs,
      limits: { maxSessions },
      logger,
    })
  }

  get available(): boolean {
    return this.#group.available
  }

  /** May be tried again: a pair that was made, and its answer lost, is found as `exists`. */
  async createRootKey({ id }: { readonly id: string }): Promise<CreatedRootKey> {
    const [algorithm] = this.#options.candidates
    return await this.#run('create_root_key', (session) => session.createRootKey(id, algorithm), {
      workTimeoutMs: this.#options.rsaTimeoutMs,
      refusedAs: 'start_refused',
    })
  }

  async getPublicKey({ id, publicKeySha256 }: RootKeyReference): Promise<KeyObject | undefined> {
    return await this.#run('get_public_key', (session) => session.readPublicKey(id, publicKeySha256))
  }

  async checkRootKeyOrigin({ id, publicKeySha256 }: RootKeyOrigin): Promise<string | undefined> {
    return await this.#run('check_origin', (session) => session.checkOrigin(id, publicKeySha256), {
      refusedAs: 'start_refused',
    })
  }

  async destroyRootKey(rootKey: { readonly id: string; readonly publicKeySha256: string }): Promise<void> {
    const { id, publicKeySha256 } = rootKey
    await this.#run('destroy_root_key', (session) => session.destroyRootKey(id, publicKeySha256))
  }

  async generateDataKey(): Promise<SecretBytes> {
    return await this.#run('generate_data_key', (session) => session.makeDataKey(), {
      discard: (late) => late[Symbol.dispose](),
    })
  }

  async unwrapDataKey(
    rootKey: RootKeyReference,
    wrapped: Uint8Array,
    { again = false }: UnwrapOptions = {},
  ): Promise<SecretBytes> {
    const isDoubted = this.#opened.has(wrapped)
    const opened = await this.#run('unwrap', (session) => session.unwrap(rootKey, wrapped, { isDoubted }), {
      fresh: again,
      discard: (late) => late?.[Symbol.dispose](),
    })
    if (opened?.length === DATA_KEY_BYTES) this.#opened.add(wrapped)
    if (opened !== undefined) return opened
    const { id } = rootKey
    this.#options.logger.error({ token: this.#options.name, rootKey: id }, 'the token has no such root key')
    throw new KmsError('hsm_unavailable', { cause: new Error(`the token has no root key ${id}`) })
  }

  async close(): Promise<void> {
    await this.#group.close()
    await this.#options.token.close()
  }

  /** @throws KmsError as the group does; `refusedAs` where the token's keys are not as they have to be */
  async #run<T>(
    operation: string,
    work: (session: TokenSession) => Promise<T>,
    options: RunOptions<T> & { readonly refusedAs?: 'start_refused' } = {},
  ): Promise<T> {
    const { refusedAs, ...runOptions } = options
    let ends = 0
    const attempt = async (session: TokenSession): Promise<T> => {
      try {
        return await work(session)
      } catch (error) {
        if (!(error instanceof Pkcs11Fault)) throw error
        if (error.kind === 'answer') throw this.#refused(error, refusedAs)
        if (error.mayBeCulprit && ++ends === MAX_ENDS) throw new KmsError('hsm_unavailable', { cause: error })
        throw error
      }
    }
    return await this.#group.run(operation, attempt, runOptions)
  }

  #refused(fault: Pkcs11Fault, code: 'start_refused' | undefined): KmsError {
    const { name, logger } = this.#options
    logger.error({ token: name, problem: fault.message }, 'the token can’t be worked with as it is')
    if (code === undefined) return new KmsError('hsm_unavailable', { cause: fault })
    return new KmsError(code, { message: `The token ${name}: ${fault.message}.`, cause: fault })
  }
}
