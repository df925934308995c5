import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { appendFile, readdir, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { readLogTail } from '../../../src/adapters/audit/log-tail.ts'
import { verifyLog } from '../../../src/adapters/audit/verify/verify-log.ts'
import {
  entryOf,
  keepingHeads,
  kindsOf,
  openLog,
  PUBLIC_KEY,
  readFile,
  readRecords,
  temporaryFolder,
  verifyFiles,
  writeFile,
} from './support.ts'

suite('the audit log', () => {
  test('puts what it is told on disk before it says so, and verifies', async (t) => {
    const { log, path } = await openLog(t)
    await log.record(entryOf())
    const [opened, , record, checkpoint] = await readRecords(path)
    assert.equal(opened?.kind, 'opened')
    assert.deepEqual(
      { ...record, prev: '', time: '' },
      { seq: 3, prev: '', time: '', kind: 'operation', ...entryOf() },
    )
    assert.equal(checkpoint?.kind, 'checkpoint')
    const verified = await verifyFiles(path)
    assert.equal(verified.break, undefined)
    assert.equal(verified.instance, 'instance-1')
    assert.equal(verified.records, 4)
  })

  test('lets requests that come together share one checkpoint', async (t) => {
    const { log, path } = await openLog(t)
    await Promise.all(Array.from({ length: 600 }, (_, at) => log.record(entryOf({ requestId: `${at}` }))))
    const records = await readRecords(path)
    const told = records.filter(({ kind }) => kind === 'operation').map(({ requestId }) => requestId)
    assert.deepEqual(
      told,
      Array.from({ length: 600 }, (_, at) => `${at}`),
    )
    const checkpoints = records.filter(({ kind }) => kind === 'checkpoint')
    assert.ok(checkpoints.length <= 5, `${checkpoints.length} checkpoints`)
    assert.equal((await verifyFiles(path)).break, undefined)
  })

  test('goes on in its own name after a restart', async (t) => {
    const first = await openLog(t)
    await first.log.record(entryOf())
    await first.log.close()
    const again = await openLog(t, { path: first.path, heads: first.heads, instance: 'instance-2' })
    await again.log.record(entryOf())
    const verified = await verifyFiles(first.path)
    assert.equal(verified.break, undefined)
    assert.equal(verified.instance, 'instance-1')
    const opened = (await readRecords(first.path)).filter(({ kind }) => kind === 'opened')
    assert.deepEqual(
      opened.map(({ process }) => process),
      ['instance-1', 'instance-2'],
    )
  })

  test('is readable by its owner alone', async (t) => {
    const { path } = await openLog(t)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  test('bounds the texts that a client chooses', async (t) => {
    const { log, path } = await openLog(t)
    const client = { fingerprint: 'ab'.repeat(32), subject: 'x'.repeat(100_000) }
    await log.record(entryOf({ client, requestId: 'r'.repeat(100_000), address: 'a'.repeat(100_000) }))
    assert.ok((await stat(path)).size < 5_000)
    assert.equal((await verifyFiles(path)).break, undefined)
  })

  test('takes nothing any more when it is closed', async (t) => {
    const { log } = await openLog(t)
    await log.close()
    await log.close()
    await assert.rejects(log.record(entryOf()), { code: 'audit_unavailable' })
  })
})

suite('opening an audit log', () => {
  test('refuses a file that another opening holds, and takes it when that one is closed', async (t) => {
    const first = await openLog(t)
    const second = { path: first.path, heads: first.heads }
    await assert.rejects(openLog(t, second), { code: 'start_refused', message: /in use/ })
    const folder = dirname(first.path)
    await assert.rejects(openLog(t, { ...second, path: join(folder, '.', 'audit.jsonl') }), {
      message: /in use/,
    })
    await first.log.close()
    await openLog(t, second)
  })

  test('refuses the log of another key, and leaves it as it is', async (t) => {
    const { log, path, heads } = await openLog(t)
    await log.close()
    const { size } = await stat(path)
    const { privateKey: key } = generateKeyPairSync('ed25519')
    await assert.rejects(openLog(t, { path, heads, key }), { code: 'start_refused', message: /AUDIT_KEY/ })
    assert.equal((await stat(path)).size, size)
  })

  test('refuses a file that is something else, and a folder that is not there', async (t) => {
    const path = join(await temporaryFolder(t), 'notes.txt')
    await writeFile(path, 'somebody needs this\n')
    await assert.rejects(openLog(t, { path }), { code: 'start_refused', message: /is not an audit log/ })
    await assert.rejects(openLog(t, { path: join(path, 'audit.jsonl') }), { code: 'start_refused' })
    for (const device of ['/dev/null', '/dev/full']) {
      await assert.rejects(readLogTail(device, PUBLIC_KEY), { message: /is not a file/ })
    }
    await assert.rejects(openLog(t, { path: join(dirname(path), 'missing', 'audit.jsonl') }), {
      code: 'start_refused',
      message: /AUDIT_LOG/,
    })
  })

  test('refuses a log that ends before what the store knows of it', async (t) => {
    const { log, path, heads } = await openLog(t)
    await log.close()
    const old = await readRecordsAsText(path)
    const more = await openLog(t, { path, heads })
    await more.log.record(entryOf())
    await more.log.close()
    await writeFile(path, old)
    await assert.rejects(openLog(t, { path, heads }), { code: 'start_refused', message: /was cut/ })
    await writeFile(path, '')
    const verified = await openLog(t, { path, heads, instance: 'instance-3' })
    await verified.log.close()
    assert.equal((await verifyFiles(path)).instance, 'instance-3', 'a new log has a new name')
  })
})

suite('an audit log that the store does not know', () => {
  test('is refused where it tells of operations: the keys are in another store', async (t) => {
    const { log, path } = await openLog(t)
    await log.record(entryOf())
    await log.close()
    const before = await readFile(path)
    const empty = keepingHeads()
    const refused = {
      code: 'start_refused',
      message: /^AUDIT_LOG: .*DATABASE_URL.*another store.*move the log/,
    }
    for (let start = 0; start < 2; start++) await assert.rejects(openLog(t, { path, heads: empty }), refused)
    assert.equal(empty.saved.size, 0, 'a refused start makes the store know nothing')
    assert.deepEqual(await readFile(path), before)
    await rename(path, `${path}.old`)
    await openLog(t, { path, heads: empty, instance: 'instance-2' })
    assert.deepEqual([...empty.saved.keys()], ['instance-2'])
  })

  test('is refused where its last file has none, and follows another one', async (t) => {
    const { log, path } = await openLog(t, { maxFileBytes: 1 })
    await log.record(entryOf())
    await log.close()
    await openLog(t, { path, heads: keepingHeads() }).then(
      () => assert.fail('it was taken'),
      (error) => assert.equal(error.code, 'start_refused'),
    )
    await writeFile(path, '')
    await assert.rejects(openLog(t, { path, heads: keepingHeads() }), { code: 'start_refused' })
  })

  test('goes on where starts are all it tells of: they may have ended before its first head', async (t) => {
    const heads = keepingHeads()
    heads.state.failing = true
    const path = join(await temporaryFolder(t), 'audit.jsonl')
    for (let start = 0; start < 3; start++)
      await assert.rejects(openLog(t, { path, heads }), /does not answer/)
    await appendFile(path, '{"seq":7,"prev":"')
    heads.state.failing = false
    const { log } = await openLog(t, { path, heads })
    await log.record(entryOf())
    await log.close()
    assert.deepEqual((await kindsOf(path)).slice(0, 7), [
      ...Array.from({ length: 3 }, () => ['opened', 'checkpoint']).flat(),
      'opened',
    ])
    const { break: found, end } = await verifyFiles(path)
    assert.equal(found, undefined)
    assert.equal(heads.saved.get('instance-1')?.sequence, end.sequence)
  })
})

suite('rotation', () => {
  test('carries the chain over its files, through restarts, and starts that died in it', async (t) => {
    const { log, path, heads } = await openLog(t, { maxFileBytes: 2_000 })
    for (let at = 0; at < 20; at++) await log.record(entryOf({ requestId: `${at}` }))
    await log.close()
    const again = await openLog(t, { path, heads, maxFileBytes: 2_000 })
    for (let at = 20; at < 40; at++) await again.log.record(entryOf({ requestId: `${at}` }))
    await again.log.close()
    const files = await filesOf(path)
    assert.ok(files.length > 5)
    const verified = await verifyFiles(...files)
    assert.equal(verified.break, undefined)
    const told = (await Promise.all(files.map(readRecords))).flat().filter(({ kind }) => kind === 'operation')
    assert.deepEqual(
      told.map(({ requestId }) => requestId),
      Array.from({ length: 40 }, (_, at) => `${at}`),
    )
    for (const [at, file] of files.slice(1).entries()) {
      const [first] = await readRecords(file)
      assert.equal(first?.kind, 'continued')
      assert.equal((await kindsOf(file)).filter((kind) => kind === 'continued').length, 1)
      assert.equal(join(dirname(path), String(first.file)), files[at])
    }
    await writeFile(path, '{"seq":')
    const last = files.at(-2)?.match(/\d{15}/)?.[0]
    const saved = heads.saved.get('instance-1')
    assert.ok(saved !== undefined && last !== undefined)
    heads.saved.set('instance-1', { ...saved, sequence: Number(last) - 1 })
    const third = await openLog(t, { path, heads })
    assert.deepEqual((await kindsOf(path)).slice(0, 3), ['continued', 'opened', 'recovered'])
    await third.log.close()
    assert.equal((await verifyFiles(...(await filesOf(path)))).break, undefined)
  })

  test('is seen where a file is missing', async (t) => {
    const { log, path } = await openLog(t, { maxFileBytes: 1_000 })
    for (let at = 0; at < 10; at++) await log.record(entryOf())
    await log.close()
    const files = await filesOf(path)
    for (const left of files.keys()) {
      const rest = files.filter((_, at) => at !== left)
      const verified = await verifyFiles(...rest)
      const isLast = left === files.length - 1
      assert.equal(verified.break === undefined, isLast, `without ${files[left]}`)
      if (!isLast) continue
      const head = { sequence: (await verifyFiles(...files)).end.sequence, hash: 'f'.repeat(64) }
      const known = await verifyLog(rest, { publicKey: PUBLIC_KEY, heads: [head] })
      assert.match(known.break?.reason ?? '', /cut off/)
    }
  })
})

suite('refusals', () => {
  test('are told in one small record, whoever sends them', async (t) => {
    const { log, path } = await openLog(t)
    for (let at = 0; at < 10_000; at++) {
      log.countRefusal({ reason: 'unauthenticated', address: `10.0.${at >> 8}.${at & 255}` })
    }
    log.countRefusal({ reason: 'rate_limited', address: '10.0.0.1' })
    await log.close()
    const records = (await readRecords(path)).filter(({ kind }) => kind === 'refusals')
    assert.equal(records.length, 1)
    const counts = records[0]?.counts as { reason: string; address: string; count: number }[]
    assert.ok(counts.length < 150)
    assert.equal(
      counts.reduce((sum, { count }) => sum + count, 0),
      10_001,
    )
    assert.deepEqual(counts.at(0), { reason: 'unauthenticated', address: '10.0.0.0', count: 1 })
    assert.ok(counts.some(({ reason, address }) => reason === 'unauthenticated' && address === 'other'))
    assert.ok(counts.some(({ reason, count }) => reason === 'rate_limited' && count === 1))
    assert.equal((await verifyFiles(path)).break, undefined)
  })

  test('are told as time passes', async (t) => {
    const { log, path } = await openLog(t, { refusalIntervalMs: 5 })
    log.countRefusal({ reason: 'unauthenticated', address: '10.0.0.1' })
    while (!(await kindsOf(path)).includes('refusals')) await new Promise(setImmediate)
  })
})

suite('the head', () => {
  test('goes to the store and to the service log, at the start, as time passes and at the end', async (t) => {
    const { log, path, heads, lines } = await openLog(t, { headIntervalMs: 5 })
    const headOf = () => heads.saved.get('instance-1')?.sequence
    assert.equal(headOf(), 2)
    await log.record(entryOf())
    while (headOf() !== 4) await new Promise(setImmediate)
    await log.record(entryOf())
    await log.close()
    const { end } = await verifyFiles(path)
    assert.equal(end.sequence, 6)
    const { sequence, hash } = heads.saved.get('instance-1') ?? assert.fail('no head')
    assert.deepEqual({ sequence, hash }, end)
    const told = lines.filter(({ message }) => message === 'audit head').map(({ fields }) => fields)
    assert.deepEqual(told.at(-1), { instance: 'instance-1', ...end })
  })

  test('that the store does not take is tried again, and holds nothing up', async (t) => {
    const { heads, log, lines } = await openLog(t, { headIntervalMs: 5 })
    heads.state.failing = true
    await log.record(entryOf())
    while (!lines.some(({ level }) => level === 'warn')) await new Promise(setImmediate)
    assert.equal(heads.saved.get('instance-1')?.sequence, 2)
    heads.state.failing = false
    while (heads.saved.get('instance-1')?.sequence !== 4) await new Promise(setImmediate)
  })
})

const readRecordsAsText = async (path: string): Promise<string> =>
  (await readRecords(path)).map((record) => `${JSON.stringify(record)}\n`).join('')

/** In their order: the one that is written to comes last. */
const filesOf = async (path: string): Promise<readonly string[]> => {
  const names = (await readdir(dirname(path))).filter((name) => /^audit\.\d+\.jsonl$/.test(name)).sort()
  return [...names.map((name) => join(dirname(path), name)), path]
}
