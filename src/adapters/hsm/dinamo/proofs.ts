import type { KeyObject } from 'node:crypto'
import type { FillRandom } from '../../../domain/random.ts'
import type { RootKeyReference } from '../../../domain/root-key.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import { opensWhatItWraps } from '../../../domain/self-test.ts'
import { originFlawOn } from './origin.ts'
import type { DinamoSession } from './session/dinamo-session.ts'

export interface Proof {
  readonly rootKey: RootKeyReference
  readonly publicKey: KeyObject
}

/**
 * A value wrapped with a root key must come back from the very device, and the private half must not.
 *
 * @returns why the device does not pass
 */
export const proveOn = async (
  session: DinamoSession,
  { rootKey, publicKey }: Proof,
  random: FillRandom,
): Promise<string | undefined> => {
  const { id, algorithm } = rootKey
  let missing = false
  const opens = await opensWhatItWraps(publicKey, algorithm, random, async (wrapped) => {
    const answer = await session.unwrap(id, wrapped)
    if (answer.kind === 'opened') return answer.bytes
    missing = answer.kind === 'no-such-object'
    return SecretBytes.fill(0, () => undefined)
  })
  if (opens) {
    const flaw = await originFlawOn(session, id)
    return flaw && `root key ${id} is not as it was made: ${flaw}`
  }
  return missing ? `it has no root key ${id}` : `it does not open what root key ${id} wraps with ${algorithm}`
}

/** The root keys in use: whatever device serves has opened a value wrapped with each of them. */
export class Proofs {
  readonly #random: FillRandom
  readonly #byId = new Map<string, Proof>()

  constructor(random: FillRandom) {
    this.#random = random
  }

  has({ id, publicKeySha256 }: RootKeyReference): boolean {
    return this.#byId.get(id)?.rootKey.publicKeySha256 === publicKeySha256
  }

  add(proof: Proof): void {
    this.#byId.set(proof.rootKey.id, proof)
  }

  /** @returns why the device may not serve; undefined if it may */
  async askAll(session: DinamoSession): Promise<string | undefined> {
    for (const proof of this.#byId.values()) {
      const flaw = await proveOn(session, proof, this.#random)
      if (flaw !== undefined) return flaw
    }
    return undefined
  }
}
