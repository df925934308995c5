import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeyName } from '../../../src/domain/private-key.ts'
import { type Answer, ask } from './client.ts'
import type { Instance } from './instance.ts'
import { keyNamed } from './keys.ts'

export interface Written {
  /** Answered with 200: these may never be lost. */
  readonly acknowledged: readonly KeyName[]
  /** Answered with 503 or not at all: stored or not, but never in part. */
  readonly uncertain: readonly KeyName[]
}

export interface Writers {
  /** Resolves when so many more are acknowledged. */
  acknowledge(count: number): Promise<void>
  stop(): Promise<Written>
}

const WRITERS = 4
const POLL_MS = 20
const LIMIT_MS = 120_000

/**
 * Several at once that store one key after the other, each under a new identity, while the instance is up. They
 * end with the test.
 */
export const startWriters = (t: TestContext, instance: Instance, name: string): Writers => {
  const acknowledged: KeyName[] = []
  const uncertain: KeyName[] = []
  let stopped = false

  const store = async (url: string, identity: KeyName): Promise<void> => {
    const answer: Answer | undefined = await ask(url, '/key', keyNamed(identity)).catch(() => undefined)
    if (answer?.status === 200) {
      acknowledged.push(identity)
      return
    }
    // A key that nobody has stored yet is never refused for any other reason.
    assert.equal(answer?.status ?? 503, 503, JSON.stringify(answer?.body))
    uncertain.push(identity)
    await sleep(POLL_MS)
  }
  const write = async (writer: number): Promise<void> => {
    for (let count = 0; !stopped; count++) {
      const { url } = instance
      if (url === undefined) await sleep(POLL_MS)
      // Both sources of one pub, as threshold wallets store them.
      else
        for (const source of ['user', 'backup'] as const)
          await store(url, { pub: `${name}-${writer}-${count}`, source })
    }
  }
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  t.after(() => {
    stopped = true
  })
  const failed = writing.then(() => Promise.withResolvers<never>().promise)
  failed.catch(() => undefined)

  const until = async (wanted: number): Promise<void> => {
    for (const limit = performance.now() + LIMIT_MS; acknowledged.length < wanted; await sleep(POLL_MS)) {
      assert.ok(performance.now() < limit, 'nothing is acknowledged any more')
    }
  }
  return {
    acknowledge: (count) => Promise.race([until(acknowledged.length + count), failed]),
    async stop() {
      stopped = true
      await writing
      return { acknowledged, uncertain }
    },
  }
}
