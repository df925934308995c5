import assert from 'node:assert/strict'
import type { KeyIdentity, KeyName } from '../../../src/domain/private-key.ts'
import { openRepository } from '../../../src/service/open-repository.ts'
import { keepingLogger } from '../../support/logger.ts'
import { ask } from './client.ts'
import { keyNamed, pathOf } from './keys.ts'
import type { Written } from './writers.ts'

const AT_ONCE = 8
const PAGE = 100

/** A few at a time. */
const each = async <T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> => {
  const left = items.values()
  const work = async (): Promise<void> => {
    for (const item of left) await check(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** Each opens, and is byte for byte what was stored. */
export const checkKeys = async (url: string, identities: readonly KeyName[]): Promise<void> =>
  await each(identities, async (identity) => {
    const { status, body } = await ask(url, pathOf(identity))
    assert.deepEqual([status, body], [200, keyNamed(identity)])
  })

/**
 * Whoever got no answer asks again, and is told the truth: stored now, or stored before. Either way it is there.
 *
 * @returns how many had been stored
 */
export const settle = async (url: string, { uncertain }: Written): Promise<number> => {
  let before = 0
  await each(uncertain, async (identity) => {
    const { status, body } = await ask(url, '/key', keyNamed(identity))
    assert.ok(status === 200 || status === 409, JSON.stringify(body))
    if (status === 409) before++
  })
  await checkKeys(url, uncertain)
  return before
}

/** The identity of every row of the store, read past the service. */
const storedIdentities = async (databaseUrl: string): Promise<readonly KeyName[]> => {
  const store = await openRepository({ DATABASE_URL: databaseUrl }, keepingLogger().logger)
  try {
    const found: KeyName[] = []
    for (let after: KeyIdentity | undefined; ; ) {
      const page = await store.listPrivateKeys(after === undefined ? { limit: PAGE } : { after, limit: PAGE })
      found.push(...page.map(({ pub, source }) => ({ pub, source })))
      after = page.at(-1)
      if (page.length < PAGE) return found
    }
  } finally {
    await store.close()
  }
}

const nameOf = ({ pub, source }: KeyName): string => `${source}:${pub}`

/**
 * The whole store at the end: every row opens through the service and is what its identity says, none stands
 * there twice, and none that was acknowledged is missing.
 */
export const checkStore = async (
  databaseUrl: string,
  url: string,
  acknowledged: readonly KeyName[],
): Promise<void> => {
  const stored = await storedIdentities(databaseUrl)
  const names = new Set(stored.map(nameOf))
  assert.equal(names.size, stored.length, 'an identity has two rows')
  assert.deepEqual(
    acknowledged.filter((identity) => !names.has(nameOf(identity))),
    [],
    'an acknowledged key was lost',
  )
  await checkKeys(url, stored)
}
