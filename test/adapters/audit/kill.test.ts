import assert from 'node:assert/strict'
import { appendFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openSqliteKeyRepository } from '../../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { linesUntilKilled } from '../../support/killed-child.ts'
import {
  entryOf,
  KEY,
  keepingHeads,
  openLog,
  readFile,
  readRecords,
  temporaryFolder,
  verifyFiles,
  writeFile,
} from './support.ts'

const CHILD = fileURLToPath(new URL('./kill.child.ts', import.meta.url))

/** More with COFRE_KILL_ROUNDS. */
const ROUNDS = Number(process.env.COFRE_KILL_ROUNDS ?? 6)
const MAX_DELAY_MS = 300

/** Records from many writers, killed at a random moment. @returns what was acknowledged */
const killedRound = (path: string, store: string, round: number): Promise<readonly string[]> => {
  const pem = KEY.export({ type: 'pkcs8', format: 'pem' }) as string
  return linesUntilKilled(CHILD, [path, store, String(round), pem], MAX_DELAY_MS)
}

test(`nothing acknowledged is lost in ${ROUNDS} kills, and the log verifies after each`, async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'audit.jsonl')
  const store = join(folder, 'store.sqlite')
  const repository = await openSqliteKeyRepository({ path: store })
  t.after(() => repository.close())
  const heads = { ...keepingHeads(), heads: repository }
  const acknowledged: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    acknowledged.push(...(await killedRound(path, store, round)))
    const { log } = await openLog(t, { path, heads })
    await log.close()
    const names = (await readdir(folder)).filter((name) => /^audit\.\d+\.jsonl$/.test(name)).sort()
    const files = [...names, 'audit.jsonl'].map((name) => join(folder, name))
    const verified = await verifyFiles(...files)
    assert.equal(verified.break, undefined)
    const recorded = new Set(
      (await Promise.all(files.map(readRecords))).flat().map(({ requestId }) => requestId),
    )
    assert.deepEqual(
      acknowledged.filter((id) => !recorded.has(id)),
      [],
    )
  }
  t.diagnostic(`${acknowledged.length} records were acknowledged before ${ROUNDS} kills; all are there`)
})

suite('after a crash', () => {
  test('a torn block is set aside in a record of its own, wherever it was torn', async (t) => {
    const { log, path, heads } = await openLog(t)
    const [head] = heads.saved.values()
    assert.ok(head !== undefined)
    await log.record(entryOf({ requestId: 'acknowledged' }))
    const before = await readFile(path)
    await log.record(entryOf({ requestId: 'torn' }))
    await log.close()
    const whole = await readFile(path)
    for (const cut of [1, 8, 300, whole.length - before.length - 1]) {
      await writeFile(path, whole.subarray(0, before.length + cut))
      heads.saved.set(head.instance, head)
      assert.equal((await verifyFiles(path)).break?.unfinished, true)
      const again = await openLog(t, { path, heads })
      await again.log.close()
      const verified = await verifyFiles(path)
      assert.equal(verified.break, undefined)
      const recovered = (await readRecords(path)).find(({ kind }) => kind === 'recovered')
      assert.equal(recovered?.bytes, cut)
      const torn = whole.subarray(before.length, before.length + cut)
      assert.equal(recovered?.head, torn.toString('base64'))
      const told = (await readRecords(path)).filter(({ kind }) => kind === 'operation')
      assert.deepEqual(
        told.map(({ requestId }) => requestId),
        ['acknowledged'],
      )
    }
  })

  test('what somebody put behind the last checkpoint is not vouched for', async (t) => {
    const { log, path, heads } = await openLog(t)
    await log.record(entryOf())
    await log.close()
    const { end } = await verifyFiles(path)
    const forged = {
      seq: end.sequence + 1,
      prev: end.hash,
      time: '2026-01-01T00:00:00.000Z',
      kind: 'operation',
    }
    await appendFile(path, `${JSON.stringify({ ...forged, ...entryOf({ requestId: 'forged' }) })}\n`)
    const again = await openLog(t, { path, heads })
    await again.log.close()
    assert.ok(!(await readRecords(path)).some(({ requestId }) => requestId === 'forged'))
    assert.equal((await verifyFiles(path)).break, undefined)
  })
})
