import type { KeyObject } from 'node:crypto'
import { Deadline } from '../../../domain/deadline.ts'
import { KmsError } from '../../../domain/errors.ts'
import { type FillRandom, systemSleep } from '../../../domain/random.ts'
import type { RootKeyReference, WrappingAlgorithm } from '../../../domain/root-key.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type {
  CreatedRootKey,
  HsmPort,
  ReplicatedHsm,
  RootKeyOrigin,
  UnwrapOptions,
} from '../../../ports/hsm.port.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { HostGroup, type RunOptions } from '../sessions/host-group.ts'
import type { PoolLimits } from '../sessions/pool.ts'
import { classifyDinamo } from './classify.ts'
import { originFlawOn } from './origin.ts'
import { Proofs, proveOn } from './proofs.ts'
import { proveDevices } from './prove-devices.ts'
import { type DinamoSession, type DinamoSessionOptions, openDinamoSession } from './session/dinamo-session.ts'
import { ERROR_CODE } from './session/error-codes.ts'
import { SessionError } from './session/session-error.ts'
import type { NamedTarget } from './targets.ts'

export interface DinamoHsmOptions {
  readonly targets: readonly NamedTarget[]
  readonly session: DinamoSessionOptions
  /** Who logs in, for the log. */
  readonly account: string
  readonly candidates: readonly WrappingAlgorithm[]
  readonly deadlineMs: number
  readonly maxSessions: number
  /** How many hosts must open what a new root key wraps. */
  readonly neededHosts: number
  /** How long `proveDevices` waits for them. Default 30,000. */
  readonly proveTimeoutMs?: number
  readonly limits?: Partial<PoolLimits>
  readonly logger: Logger
  readonly random: FillRandom
}

const NAME_BYTES = 16

/** One or several Dinamo devices that hold the same permanent objects. */
export class DinamoHsm implements HsmPort, ReplicatedHsm {
  readonly provider = 'dinamo'
  readonly wrapping: HsmPort['wrapping']
  readonly #options: DinamoHsmOptions
  readonly #hosts: readonly string[]
  readonly #group: HostGroup<DinamoSession>
  readonly #proofs: Proofs
  /** Which host answered for a block; the block's own life bounds the entry's. */
  readonly #answeredBy = new WeakMap<Uint8Array, string>()

  #closed = false

  constructor(options: DinamoHsmOptions) {
    const { targets, session, candidates, maxSessions, random } = options
    const byName = new Map(targets.map((target) => [target.name, target]))
    this.#options = options
    this.wrapping = { candidates, setting: 'DINAMO_PADDING' }
    this.#hosts = [...byName.keys()]
    this.#proofs = new Proofs(random)
    this.#group = new HostGroup<DinamoSession>({
      provider: this.provider,
      hosts: this.#hosts,
      account: options.account,
      open: (host) => openDinamoSession(byName.get(host) as NamedTarget, session),
      classify: classifyDinamo,
      admit: (opened) => this.#proofs.askAll(opened),
      deadlineMs: options.deadlineMs,
      limits: { ...options.limits, maxSessions },
      logger: options.logger,
    })
  }

  get available(): boolean {
    return this.#group.available
  }

  /** One that admits a session just now: the choice is never changed. */
  async choosePlace(): Promise<string> {
    return await this.#group.run('choose_place', async (_session, host) => host, { fresh: true })
  }

  /**
   * On its place alone: two devices would make twins of one name, and the SDK deletes nothing. There it may be
   * tried again: what was made, and its answer lost, is found as `exists`.
   */
  async createRootKey(claim: { readonly id: string; readonly place?: string }): Promise<CreatedRootKey> {
    const { id, place = await this.choosePlace() } = claim
    if (!this.#hosts.includes(place)) {
      throw new KmsError('start_refused', {
        message: `Root key ${id} was begun on ${place}, which DINAMO_HOST does not name: it can be finished only there.`,
      })
    }
    try {
      return await this.#group.run('create_root_key', (session) => this.#create(session, id), {
        only: [place],
        workTimeoutMs: this.#options.session.rsaTimeoutMs + this.#options.session.operationTimeoutMs,
      })
    } catch (error) {
      if (!KmsError.is(error, 'hsm_unavailable', 'hsm_busy')) throw error
      throw new KmsError(error.code, {
        message: `Root key ${id} is to be made on ${place}, which can't do it now.`,
        cause: error.cause,
      })
    }
  }

  async getPublicKey({ id }: RootKeyReference): Promise<KeyObject | undefined> {
    return await this.#find('get_public_key', id, (session) => session.exportPublicKey(id))
  }

  /** Of the host that answers: every other one is asked when it is proven. */
  async checkRootKeyOrigin({ id }: RootKeyOrigin): Promise<string | undefined> {
    return await this.#group.run('check_origin', (session) => originFlawOn(session, id))
  }

  /** Every attempt under a name of its own, so that none meets what another left behind. */
  async generateDataKey(): Promise<SecretBytes> {
    return await this.#group.run('generate_data_key', (session) => session.makeDataKey(this.#randomName()), {
      discard: (late) => late[Symbol.dispose](),
    })
  }

  async unwrapDataKey(
    { id }: RootKeyReference,
    wrapped: Uint8Array,
    { again = false }: UnwrapOptions = {},
  ): Promise<SecretBytes> {
    const before = this.#answeredBy.get(wrapped)
    const opened = await this.#find(
      'unwrap',
      id,
      async (session, host) => {
        const answer = await session.unwrap(id, wrapped)
        this.#answeredBy.set(wrapped, host)
        if (answer.kind === 'opened') return answer.bytes
        return answer.kind === 'refused' ? nothing() : undefined
      },
      {
        fresh: again,
        ...(again && before !== undefined ? { avoid: new Set([before]) } : {}),
        discard: ({ value }) => value?.[Symbol.dispose](),
      },
    )
    if (opened !== undefined) return opened
    // It was proven on one of them before it came into use: what is lost is the HSM's, and the token may be good.
    this.#options.logger.error({ hosts: this.#hosts, rootKey: id }, 'no HSM host has this root key')
    throw new KmsError('hsm_unavailable', { cause: new Error(`no HSM host has root key ${id}`) })
  }

  async proveDevices(
    rootKey: RootKeyReference,
    publicKey: KeyObject,
    { fresh }: { readonly fresh: boolean },
  ): Promise<void> {
    if (this.#proofs.has(rootKey)) return
    const { neededHosts, proveTimeoutMs = 30_000, deadlineMs, random } = this.#options
    const proof = { rootKey, publicKey }
    const passed = await proveDevices(rootKey.id, {
      hosts: this.#hosts,
      needed: fresh ? neededHosts : 1,
      timeoutMs: proveTimeoutMs,
      test: (host, remainingMs) =>
        this.#group.run('self_test', (session) => proveOn(session, proof, random), {
          only: [host],
          deadlineMs: Math.min(deadlineMs, remainingMs),
        }),
      problemOf: (host) => this.#group.problemOf(host),
      isOver: () => this.#closed,
      sleep: systemSleep,
    })
    this.#proofs.add(proof)
    this.#group.readmitAllBut(passed)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#group.close()
    this.#options.session.credentials().password[Symbol.dispose]()
  }

  async #create(session: DinamoSession, id: string): Promise<CreatedRootKey> {
    const outcome = await session.createRootKey(id)
    const publicKey = await session.exportPublicKey(id).catch((error: unknown) => {
      throw isDenied(error) ? keepsPublicHalf(id, error) : error
    })
    if (publicKey !== undefined) return { outcome, publicKey }
    throw new KmsError('hsm_unavailable', {
      cause: new Error(`the HSM does not find ${id}, which it ${outcome}`),
    })
  }

  /** Asks one host after another: the object is missing only where every host says so. */
  async #find<T>(
    operation: string,
    rootKeyId: string,
    ask: (session: DinamoSession, host: string) => Promise<T | undefined>,
    options: RunOptions<{ readonly value: T | undefined }> = {},
  ): Promise<T | undefined> {
    const deadline = Deadline.after(this.#options.deadlineMs)
    const without = new Set<string>()
    while (without.size < this.#hosts.length) {
      const { host, value } = await this.#group.run(
        operation,
        async (session, host) => ({ host, value: await ask(session, host) }),
        {
          ...options,
          deadlineMs: deadline.remainingMs,
          only: this.#hosts.filter((name) => !without.has(name)),
        },
      )
      if (value !== undefined) return value
      without.add(host)
      this.#options.logger.warn({ host, rootKey: rootKeyId }, 'the HSM host does not have this root key')
    }
    return undefined
  }

  #randomName(): string {
    return Buffer.from(this.#options.random(new Uint8Array(NAME_BYTES))).toString('hex')
  }
}

const isDenied = (error: unknown): boolean =>
  error instanceof SessionError && error.code === ERROR_CODE.accessDenied

/** What was made once under a claimed name stays as it is: the variable alone changes nothing. */
const keepsPublicHalf = (id: string, cause: unknown): KmsError =>
  new KmsError('start_refused', {
    message:
      `The HSM does not give out the public half of root key ${id}. If it does so for exportable keys alone, ` +
      `remove ${id} from the HSM, set DINAMO_ROOT_KEY_EXPORTABLE=true and start again.`,
    cause,
  })

/** What stands for a block that does not open. */
const nothing = (): SecretBytes => SecretBytes.fill(0, () => undefined)
