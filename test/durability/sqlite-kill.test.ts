import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { KeyIdentity } from '../../src/domain/private-key.ts'
import { openAt, temporaryPath, withDatabase } from '../adapters/repository/sqlite/support.ts'
import { numbered, type Store } from '../contracts/key-repository/samples.ts'
import { linesUntilKilled } from '../support/killed-child.ts'
import { rowNamed } from './sqlite-rows.ts'

const CHILD = fileURLToPath(new URL('./sqlite-kill.child.ts', import.meta.url))

/** More with COFRE_KILL_ROUNDS. */
const ROUNDS = Number(process.env.COFRE_KILL_ROUNDS ?? 8)
const MAX_DELAY_MS = 400
const LIMIT = { timeout: 60_000 + ROUNDS * 10_000 }

/** Runs writers, kills them at a random moment after their first acknowledgment. @returns what was acknowledged */
const killedRound = (path: string, round: number): Promise<readonly string[]> =>
  linesUntilKilled(CHILD, [path, String(round)], MAX_DELAY_MS)

/** Every row is what its name says it must be. @returns their names */
const wholeRows = async (store: Store): Promise<readonly string[]> => {
  const pubs: string[] = []
  for (let after: KeyIdentity | undefined; ; ) {
    const page = await store.listPrivateKeys(after === undefined ? { limit: 50 } : { after, limit: 50 })
    for (const row of page) assert.deepEqual(row, rowNamed(row.pub))
    pubs.push(...page.map(({ pub }) => pub))
    after = page.at(-1)
    if (after === undefined) return pubs
  }
}

test(
  `sqlite: nothing acknowledged is lost in ${ROUNDS} kills, and no row is half-written`,
  LIMIT,
  async (t) => {
    const path = await temporaryPath(t)
    const acknowledged: string[] = []
    for (const round of numbered(ROUNDS)) {
      const pubs = await killedRound(path, round)
      const store = await openAt(t, path)
      for (const pub of pubs) assert.deepEqual(await store.findPrivateKey(rowNamed(pub)), rowNamed(pub))
      await store.close()
      acknowledged.push(...pubs)
    }
    const pubs = await wholeRows(await openAt(t, path))
    const stored = new Set(pubs)
    assert.equal(stored.size, pubs.length, 'an identity has two rows')
    assert.deepEqual(
      acknowledged.filter((pub) => !stored.has(pub)),
      [],
      'a later kill took rows away that an earlier one had left',
    )
    const check = withDatabase(path, (database) => database.prepare('PRAGMA integrity_check').all())
    assert.deepEqual(
      check.map((row) => ({ ...row })),
      [{ integrity_check: 'ok' }],
    )
    assert.ok(acknowledged.length >= ROUNDS)
    t.diagnostic(`${acknowledged.length} rows were acknowledged before ${ROUNDS} kills; all are there`)
  },
)
