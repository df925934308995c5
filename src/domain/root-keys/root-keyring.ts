import type { KeyObject } from 'node:crypto'
import type { HsmPort } from '../../ports/hsm.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import { KmsError } from '../errors.ts'
import type { ActiveRootKey } from '../root-key.ts'

/** A root key and the HSM that unwraps with it. */
export interface RootKeyInHsm {
  readonly rootKey: ActiveRootKey
  readonly hsm: HsmPort
}

/** One that wraps, too: its public half came from the HSM, and was proven. */
export interface WrappingRootKey extends RootKeyInHsm {
  readonly publicKey: KeyObject
}

/** The root keys that this instance works with. */
export class RootKeyring {
  /** Wraps every new data key. */
  readonly current: WrappingRootKey
  readonly #repository: Pick<KeyRepositoryPort, 'findRootKey'>
  readonly #hsms: ReadonlyMap<string, HsmPort>
  /** An active root key never changes, so it is read from the store once. */
  readonly #known = new Map<string, ActiveRootKey>()

  constructor(
    current: WrappingRootKey,
    hsms: ReadonlyMap<string, HsmPort>,
    repository: Pick<KeyRepositoryPort, 'findRootKey'>,
  ) {
    this.current = current
    this.#hsms = hsms
    this.#repository = repository
    this.#known.set(current.rootKey.id, current.rootKey)
  }

  /**
   * @returns undefined if the store has no such root key in use
   * @throws KmsError `provider_unavailable` if its provider is not configured, or as the store fails
   */
  async find(id: string): Promise<RootKeyInHsm | undefined> {
    const rootKey = this.#known.get(id) ?? (await this.#read(id))
    if (rootKey === undefined) return undefined
    const hsm = this.#hsms.get(rootKey.provider)
    if (hsm === undefined) {
      throw new KmsError('provider_unavailable', { subject: { provider: rootKey.provider, rootKey: id } })
    }
    return { rootKey, hsm }
  }

  async #read(id: string): Promise<ActiveRootKey | undefined> {
    const found = await this.#repository.findRootKey(id)
    if (found?.state !== 'active') return undefined
    this.#known.set(id, found)
    return found
  }
}
