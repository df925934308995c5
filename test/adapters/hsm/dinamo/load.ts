import assert from 'node:assert/strict'
import type { DinamoHsm } from '../../../../src/adapters/hsm/dinamo/dinamo-hsm.ts'
import { systemRandom } from '../../../../src/domain/random.ts'
import type { RootKeyReference } from '../../../../src/domain/root-key.ts'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { wrap } from '../../../../src/domain/wrapping.ts'
import type { makeRootKey } from './support.ts'

type RootKeyInUse = Awaited<ReturnType<typeof makeRootKey>>

export interface Wrapped {
  readonly secret: SecretBytes
  readonly block: Buffer
}

export const wrapRandom = ({ reference, publicKey }: RootKeyInUse): Wrapped => {
  const secret = SecretBytes.fill(32, (bytes) => void systemRandom(bytes))
  return { secret, block: wrap(publicKey, reference.algorithm, secret) }
}

/** @returns whether the HSM gave back what was wrapped */
export const unwraps = async (
  hsm: DinamoHsm,
  reference: RootKeyReference,
  { secret, block }: Wrapped,
  again = false,
): Promise<boolean> => {
  using opened = await hsm.unwrapDataKey(reference, block, { again })
  return opened.equals(secret)
}

/** Callers that ask one thing after the other until they are stopped, and check every answer. */
export class Load {
  readonly failures: unknown[] = []
  /** Answers that were not the caller's own. */
  wrong = 0
  done = 0
  readonly #dataKeys = new Set<string>()
  readonly #callers: readonly Promise<void>[]
  #stopped = false

  constructor(hsm: DinamoHsm, rootKey: RootKeyInUse, callers = 8) {
    this.#callers = Array.from({ length: callers }, () => this.#call(hsm, rootKey))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#callers)
  }

  async #call(hsm: DinamoHsm, rootKey: RootKeyInUse): Promise<void> {
    while (!this.#stopped) {
      try {
        if (!(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))) this.wrong++
        this.done++
        using dataKey = await hsm.generateDataKey()
        this.#check(dataKey)
        this.done++
      } catch (error) {
        this.failures.push(error)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  #check(dataKey: SecretBytes): void {
    const text = dataKey.bytes.toString('hex')
    if (dataKey.length !== 32 || this.#dataKeys.has(text)) this.wrong++
    this.#dataKeys.add(text)
  }

  assertNothingWrong(): void {
    assert.equal(this.wrong, 0)
  }
}
