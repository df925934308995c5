import type { KeyObject } from 'node:crypto'
import type { HsmPort } from '../../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import { KmsError } from '../errors.ts'
import type { IntegrityKey } from '../integrity/integrity-key.ts'
import { isAuthenticRootKey } from '../integrity/root-key-mac.ts'
import type { ActiveRootKey, RootKeyScope } from '../root-key.ts'

/** A root key and the HSM that unwraps with it. */
export interface RootKeyInHsm {
  readonly rootKey: ActiveRootKey
  readonly hsm: HsmPort
}

/** One that wraps, too: its public half came from the HSM, and was proven. */
export interface WrappingRootKey extends RootKeyInHsm {
  readonly publicKey: KeyObject
}

/** The store as it was opened. */
export interface StoreIdentity {
  readonly id: string
  readonly anchor: string
  readonly integrity: IntegrityKey
}

/** The root keys that this instance works with, and the key that says what this store's service wrote. */
export class RootKeyring {
  readonly #wrapping: ReadonlyMap<RootKeyScope, WrappingRootKey>
  readonly store: StoreIdentity
  readonly #repository: Pick<KeyRepositoryPort, 'findRootKey'>
  readonly #hsms: ReadonlyMap<string, HsmPort>
  /** An active root key never changes: what was verified, or was taken once, is not read from the store again. */
  readonly #known: Map<string, ActiveRootKey>

  /**
   * @param wrapping one for each scope
   * @param verified what the start verified in its HSM, those that wrap among them
   */
  constructor(
    wrapping: ReadonlyMap<RootKeyScope, WrappingRootKey>,
    verified: readonly ActiveRootKey[],
    hsms: ReadonlyMap<string, HsmPort>,
    repository: Pick<KeyRepositoryPort, 'findRootKey'>,
    store: StoreIdentity,
  ) {
    this.store = store
    this.#wrapping = wrapping
    this.#hsms = hsms
    this.#repository = repository
    this.#known = new Map(verified.map((rootKey) => [rootKey.id, rootKey]))
  }

  get integrity(): IntegrityKey {
    return this.store.integrity
  }

  /** Wraps every new data key of that scope. */
  wrapping(scope: RootKeyScope): WrappingRootKey {
    const found = this.#wrapping.get(scope)
    if (found === undefined) throw new Error(`no root key wraps for ${scope}`)
    return found
  }

  /**
   * What another instance activated after this one's start comes from the store. A padding that this HSM's setting
   * rules out is not used because a row of the store says so, nor is a root key of another scope: such a one counts as
   * unknown.
   *
   * @returns undefined if the store has no such root key in use, or a record of it that this service did not write
   * @throws KmsError `provider_unavailable` if its provider is not configured, or as the store fails
   */
  async find(id: string, scope: RootKeyScope): Promise<RootKeyInHsm | undefined> {
    const rootKey = this.#known.get(id) ?? (await this.#read(id))
    if (rootKey === undefined || rootKey.scope !== scope) return undefined
    const hsm = this.#hsms.get(rootKey.provider)
    if (hsm === undefined) {
      throw new KmsError('provider_unavailable', { subject: { provider: rootKey.provider, rootKey: id } })
    }
    if (!hsm.wrapping.candidates.includes(rootKey.algorithm)) return undefined
    this.#known.set(id, rootKey)
    return { rootKey, hsm }
  }

  async #read(id: string): Promise<ActiveRootKey | undefined> {
    const found = await this.#repository.findRootKey(id)
    return found?.state === 'active' && isAuthenticRootKey(this.integrity, found) ? found : undefined
  }
}
