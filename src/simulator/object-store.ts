import type { KeyObject } from 'node:crypto'
import type { SecretBytes } from '../domain/secret-bytes.ts'

/** What the device keeps under a name. */
export type StoredObject = { readonly exportable: boolean } & (
  | { readonly kind: 'aes'; readonly key: SecretBytes }
  | { readonly kind: 'rsa'; readonly privateKey: KeyObject }
)

export type NamedObject = readonly [name: string, object: StoredObject]

/** Resolves once everything given is on disk; what it rejects did not happen. */
export type Persist = (objects: readonly NamedObject[]) => Promise<void>

const inMemory: Persist = () => Promise.resolve()

/**
 * Permanent objects, named `user/object`. Simulators that share one store stand for replicated devices.
 * An object can be found only once it is durable; its name is taken from the moment its insertion begins.
 */
export class ObjectStore {
  readonly #objects: Map<string, StoredObject>
  readonly #claimed = new Set<string>()
  readonly #persist: Persist
  #lastWrite: Promise<unknown> = Promise.resolve()

  constructor(initial: Iterable<NamedObject> = [], persist: Persist = inMemory) {
    this.#objects = new Map(initial)
    this.#persist = persist
  }

  find(name: string): StoredObject | undefined {
    return this.#objects.get(name)
  }

  has(name: string): boolean {
    return this.#objects.has(name) || this.#claimed.has(name)
  }

  /**
   * Resolves when the object is durable.
   *
   * @returns `exists` if the name is taken; nothing changes
   * @throws what `persist` throws; the name is free again
   */
  async insert(name: string, object: StoredObject): Promise<'inserted' | 'exists'> {
    if (this.has(name)) return 'exists'
    this.#claimed.add(name)
    try {
      const write = this.#lastWrite.then(async () => {
        await this.#persist([...this.#objects, [name, object]])
        this.#objects.set(name, object)
      })
      this.#lastWrite = write.catch(() => undefined)
      await write
      return 'inserted'
    } finally {
      this.#claimed.delete(name)
    }
  }
}
