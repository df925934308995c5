import type { KeyObject } from 'node:crypto'
import { canRemoveRootKeys, type HsmPort, isReplicated } from '../../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import { KmsError } from '../errors.ts'
import type { ProvenRootKey } from '../integrity/open-integrity-key.ts'
import type { UnauthenticatedRootKey } from '../integrity/root-key-mac.ts'
import type { Clock, FillRandom, Sleep } from '../random.ts'
import {
  type ActiveRootKey,
  type ClaimedRootKey,
  ROOT_KEY_ID_LENGTH,
  type RootKey,
  type RootKeyScope,
} from '../root-key.ts'
import { publicKeySha256 } from '../wrapping.ts'
import { checkOrigin, checkShape, findAlgorithm } from './verify-root-key.ts'

export interface MakeRootKeyContext {
  readonly repository: KeyRepositoryPort
  readonly random: FillRandom
  readonly clock: Clock
  readonly sleep: Sleep
  /** This instance, as its claims name it. */
  readonly owner: string
  readonly scope: RootKeyScope
  /** Whether the store's integrity key is, or can be brought, under that pair; then the record that says so. */
  readonly authenticate: (
    candidate: UnauthenticatedRootKey,
    proven: ProvenRootKey,
  ) => Promise<ActiveRootKey | undefined>
  /** When to give up waiting for another instance. */
  readonly until: Date
}

/** How long a claim is its owner's without a sign of life. A takeover does no harm, so it may be short. */
export const LEASE_MS = 5_000
const RENEWAL_MS = LEASE_MS / 3
const POLL_MS = 200

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

const randomName = (random: FillRandom): string =>
  Array.from(random(new Uint8Array(ROOT_KEY_ID_LENGTH)), (byte) => ALPHABET[byte % ALPHABET.length]).join('')

const leaseFrom = (clock: Clock, ms: number): Date => new Date(clock().getTime() + ms)

/**
 * The active root key of the HSM's provider for that scope, made if it has none: its name is claimed in the store first, so
 * that instances that start together make one, and what one left unfinished the next one finishes.
 *
 * @throws KmsError `start_refused`, or as HSM and store fail; the claim stays for the next start
 */
export const makeRootKey = async (hsm: HsmPort, context: MakeRootKeyContext): Promise<ActiveRootKey> => {
  const { repository, clock, owner } = context
  let held = await claim(hsm, context)
  for (;;) {
    if (held.state === 'active') return held
    if (held.owner === owner) return await finish(hsm, held, context)
    if (held.leaseUntil <= clock()) {
      held = await repository.renewClaim(held, { owner, leaseUntil: leaseFrom(clock, LEASE_MS) })
      continue
    }
    if (clock() >= context.until) {
      throw new KmsError('start_refused', {
        message: `Another instance (${held.owner}) has been making root key ${held.id} for too long.`,
      })
    }
    await context.sleep(POLL_MS)
    held = (await repository.findRootKey(held.id)) ?? (await claim(hsm, context))
  }
}

const claim = async (
  hsm: HsmPort,
  { repository, random, clock, owner, scope }: MakeRootKeyContext,
): Promise<RootKey> => {
  const place = isReplicated(hsm) ? await hsm.choosePlace() : undefined
  return await repository.claimRootKey({
    state: 'claimed',
    id: randomName(random),
    provider: hsm.provider,
    scope,
    createdAt: clock(),
    owner,
    leaseUntil: leaseFrom(clock, LEASE_MS),
    ...(place === undefined ? {} : { place }),
  })
}

/** Keeps the lease alive meanwhile, and gives it up at once if the work fails. */
const finish = async (
  hsm: HsmPort,
  claimed: ClaimedRootKey,
  context: MakeRootKeyContext,
): Promise<ActiveRootKey> => {
  const lease = new Lease(claimed, context)
  try {
    const { candidate, publicKey } = await makeInHsm(hsm, claimed, context)
    const record = await context.authenticate(candidate, { hsm, rootKey: candidate, publicKey })
    return await activate(hsm, candidate, record, context.repository)
  } catch (error) {
    await lease.giveUp()
    throw error
  } finally {
    await lease.end()
  }
}

/** Makes the pair, or adopts what stands under the claimed name; fixes its padding. */
const makeInHsm = async (
  hsm: HsmPort,
  { id, place, provider, scope }: ClaimedRootKey,
  { random, clock }: MakeRootKeyContext,
): Promise<{ readonly candidate: UnauthenticatedRootKey; readonly publicKey: KeyObject }> => {
  const { publicKey } = await hsm.createRootKey({ id, place })
  checkShape(id, publicKey)
  const origin = { id, publicKeySha256: publicKeySha256(publicKey) }
  await checkOrigin(hsm, origin)
  const algorithm = await findAlgorithm(hsm, { id, publicKey }, random)
  const reference = { ...origin, algorithm }
  if (isReplicated(hsm)) await hsm.proveDevices(reference, publicKey, { fresh: true })
  return { candidate: { ...reference, state: 'active', provider, scope, createdAt: clock() }, publicKey }
}

/**
 * The first to activate decides, and before that the first to bring the integrity key under its pair; whoever made
 * another pair under the name takes it away again.
 */
const activate = async (
  hsm: HsmPort,
  candidate: UnauthenticatedRootKey,
  record: ActiveRootKey | undefined,
  repository: KeyRepositoryPort,
): Promise<ActiveRootKey> => {
  const held =
    record === undefined
      ? await repository.findRootKey(candidate.id)
      : await repository.activateRootKey(record)
  if (held?.state !== 'active') {
    if (canRemoveRootKeys(hsm)) await hsm.destroyRootKey(candidate)
    throw new KmsError('start_refused', {
      message: `Another instance is making root key ${candidate.id}, and made another pair; try again.`,
    })
  }
  if (held.publicKeySha256 !== candidate.publicKeySha256 && canRemoveRootKeys(hsm)) {
    await hsm.destroyRootKey(candidate)
  }
  return held
}

/** A claim's lease while its owner is at work. */
class Lease {
  readonly #context: MakeRootKeyContext
  #held: RootKey
  #renewing: Promise<void> = Promise.resolve()
  readonly #timer: ReturnType<typeof setInterval>

  constructor(claimed: ClaimedRootKey, context: MakeRootKeyContext) {
    this.#held = claimed
    this.#context = context
    this.#timer = setInterval(() => this.#renew(LEASE_MS), RENEWAL_MS)
  }

  /** A renewal that fails is no reason to stop: losing the lease does no harm. */
  #renew(ms: number): void {
    const { repository, clock, owner } = this.#context
    this.#renewing = this.#renewing.then(async () => {
      if (this.#held.state !== 'claimed' || this.#held.owner !== owner) return
      try {
        this.#held = await repository.renewClaim(this.#held, { owner, leaseUntil: leaseFrom(clock, ms) })
      } catch (error) {
        if (!KmsError.is(error)) throw error
      }
    })
    this.#renewing.catch(() => undefined)
  }

  async giveUp(): Promise<void> {
    clearInterval(this.#timer)
    this.#renew(0)
    await this.end()
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing.catch(() => undefined)
  }
}
