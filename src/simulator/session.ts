import { DeviceError, ERROR_CODE } from './device-error.ts'
import type { ObjectStore, StoredObject } from './object-store.ts'

const wipe = (object: StoredObject): void => {
  if (object.kind === 'aes') object.key[Symbol.dispose]()
}

/** A login. Its temporary objects are seen by it alone and end with it. */
export class Session {
  readonly user: string
  readonly #objects: ObjectStore
  readonly #maxTemporary: number
  readonly #temporary = new Map<string, StoredObject>()
  #ended = false

  constructor(user: string, objects: ObjectStore, maxTemporary: number) {
    this.user = user
    this.#objects = objects
    this.#maxTemporary = maxTemporary
  }

  /** @throws DeviceError `noSuchObject` */
  find(name: string): StoredObject {
    const object = this.#temporary.get(name) ?? this.#objects.find(this.#qualified(name))
    if (object === undefined) throw new DeviceError(ERROR_CODE.noSuchObject)
    return object
  }

  /**
   * Precondition of `add`, to be asked before a key is made, which takes long.
   *
   * @throws DeviceError `objectExists`, or `noResources` where the quota of temporary objects is used up
   */
  checkRoom(name: string, temporary: boolean): void {
    if (this.#temporary.has(name) || this.#objects.has(this.#qualified(name))) {
      throw new DeviceError(ERROR_CODE.objectExists)
    }
    if (temporary && this.#temporary.size >= this.#maxTemporary) throw new DeviceError(ERROR_CODE.noResources)
  }

  /** The object is the session's from here on, also where this throws. */
  addTemporary(name: string, object: StoredObject): void {
    if (this.#ended) wipe(object)
    else this.#temporary.set(name, object)
  }

  /**
   * Resolves when the object is durable.
   *
   * @throws DeviceError `objectExists`, or what the store throws; the object is wiped then
   */
  async addPermanent(name: string, object: StoredObject): Promise<void> {
    let stored = false
    try {
      stored = (await this.#objects.insert(this.#qualified(name), object)) === 'inserted'
    } finally {
      if (!stored) wipe(object)
    }
    if (!stored) throw new DeviceError(ERROR_CODE.objectExists)
  }

  end(): void {
    this.#ended = true
    for (const object of this.#temporary.values()) wipe(object)
    this.#temporary.clear()
  }

  #qualified(name: string): string {
    return `${this.user}/${name}`
  }
}
