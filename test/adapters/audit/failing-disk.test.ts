import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { FileSink, type SinkHandle } from '../../../src/adapters/audit/file-sink.ts'
import {
  entryOf,
  kindsOf,
  moodySink,
  openLog,
  readFile,
  readRecords,
  temporaryFolder,
  verifyFiles,
  writeFile,
} from './support.ts'

const unavailable = { name: 'KmsError', code: 'audit_unavailable' }

suite('a sink that fails', () => {
  test('refuses requests at once, says so once, and takes them again by itself', async (t) => {
    const { mood, wrapSink } = moodySink()
    const { log, path, lines } = await openLog(t, { wrapSink })
    await log.record(entryOf({ requestId: 'before' }))
    mood.failure = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => log.record(entryOf())))
    assert.ok(refused.every((each) => each.status === 'rejected' && each.reason.code === 'audit_unavailable'))
    mood.failure = undefined
    await log.record(entryOf({ requestId: 'after' }))
    const records = await readRecords(path)
    const gap = records.find(({ kind }) => kind === 'gap')
    assert.equal(gap?.refused, 20)
    const told = records.filter(({ kind }) => kind === 'operation').map(({ requestId }) => requestId)
    assert.deepEqual(told, ['before', 'after'])
    assert.equal((await verifyFiles(path)).break, undefined)
    const errors = lines.filter(({ level }) => level === 'error')
    assert.deepEqual(
      errors.map(({ fields }) => (fields.err as NodeJS.ErrnoException).code),
      ['ENOSPC'],
    )
    assert.ok(lines.some(({ message }) => message === 'audit log available again'))
  })

  test('loses no count of refusals', async (t) => {
    const { mood, wrapSink } = moodySink()
    const { log, path, lines } = await openLog(t, { wrapSink, refusalIntervalMs: 5 })
    mood.failure = new Error('no space')
    log.countRefusal({ reason: 'unauthenticated', address: '10.0.0.1' })
    while (!lines.some(({ level }) => level === 'error')) await new Promise(setImmediate)
    mood.failure = undefined
    while (!(await kindsOf(path)).includes('refusals')) await new Promise(setImmediate)
    const record = (await readRecords(path)).find(({ kind }) => kind === 'refusals')
    assert.deepEqual(record?.counts, [{ reason: 'unauthenticated', address: '10.0.0.1', count: 1 }])
  })

  test('stops a start', async (t) => {
    const { mood, wrapSink } = moodySink()
    mood.failure = new Error('no space')
    const path = join(await temporaryFolder(t), 'audit.jsonl')
    await assert.rejects(openLog(t, { path, wrapSink }), unavailable)
    mood.failure = undefined
    await openLog(t, { path })
  })
})

suite('a sink that is stuck', () => {
  test('refuses requests after the deadline, and goes on when it is not any more', async (t) => {
    const { mood, wrapSink } = moodySink()
    const { log, path } = await openLog(t, { wrapSink, deadlineMs: 2_000, maxQueue: 50 })
    mood.stuck = Promise.withResolvers()
    const startedAt = performance.now()
    const inFlight = Promise.allSettled([log.record(entryOf({ requestId: 'in flight' }))])
    await new Promise(setImmediate)
    const waiting = Array.from({ length: 60 }, () => log.record(entryOf({ requestId: 'waiting' })))
    const settled = Promise.allSettled(waiting)
    const refused = [...(await inFlight), ...(await settled)]
    const took = performance.now() - startedAt
    assert.ok(took < 3_000, `${took} ms`)
    assert.ok(refused.every((each) => each.status === 'rejected' && each.reason.code === 'audit_unavailable'))
    mood.stuck.resolve()
    mood.stuck = undefined
    await log.record(entryOf({ requestId: 'after' }))
    const records = await readRecords(path)
    const told = records.filter(({ kind }) => kind === 'operation')
    assert.deepEqual(
      told.map(({ requestId }) => requestId),
      ['in flight', 'after'],
    )
    const late = records.find(({ kind }) => kind === 'late')
    assert.deepEqual(late?.sequences, [told[0]?.seq], 'what came too late is marked as refused')
    assert.ok(records.some(({ kind, refused: count }) => kind === 'gap' && count === 61))
    assert.equal((await verifyFiles(path)).break, undefined)
  })

  test('does not hold up closing', async (t) => {
    const { mood, wrapSink } = moodySink()
    const { log } = await openLog(t, { wrapSink, deadlineMs: 50 })
    mood.stuck = Promise.withResolvers()
    await assert.rejects(log.record(entryOf()), unavailable)
    await log.close()
    mood.stuck.resolve()
  })
})

suite('a file', () => {
  /** A handle that takes a number of bytes and no more. */
  const shortHandle = async (
    path: string,
    space: { left: number; syncFails: boolean },
  ): Promise<SinkHandle> => {
    const handle = await open(path, 'r+')
    return {
      async write(bytes: Uint8Array, offset: number, length: number, position: number) {
        if (space.left === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
        const taken = Math.min(length, space.left, 7)
        space.left -= taken
        return await handle.write(bytes, offset, taken, position)
      },
      truncate: (size: number) => handle.truncate(size),
      async datasync() {
        if (space.syncFails) throw Object.assign(new Error('EIO'), { code: 'EIO' })
        await handle.datasync()
      },
      close: () => handle.close(),
    } as SinkHandle
  }

  test('that takes a part of a block, or never says that it is on disk, keeps nothing of it', async (t) => {
    const path = join(await temporaryFolder(t), 'file')
    await writeFile(path, 'good\nrest of a crash')
    const space = { left: 1_000, syncFails: false }
    const sink = new FileSink({ path, size: 5, openHandle: (file) => shortHandle(file, space) })
    t.after(() => sink.close())
    await sink.append(Buffer.from('written in many pieces\n'))
    const good = 'good\nwritten in many pieces\n'
    assert.equal(await readFile(path, 'utf8'), good)
    space.left = 10
    await assert.rejects(sink.append(Buffer.from('does not fit as a whole\n')), { code: 'ENOSPC' })
    assert.equal(await readFile(path, 'utf8'), good)
    space.left = 1_000
    space.syncFails = true
    await assert.rejects(sink.append(Buffer.from('not on disk\n')), { code: 'EIO' })
    assert.equal(sink.size, good.length)
    space.syncFails = false
    await sink.append(Buffer.from('more\n'))
    assert.equal(await readFile(path, 'utf8'), `${good}more\n`)
  })
})

suite('a file that is to be put aside', () => {
  test('is put aside once, whatever fails on the way to the next one', async (t) => {
    const folder = await temporaryFolder(t)
    const path = join(folder, 'audit.jsonl')
    const disk = { failing: false }
    const openHandle = async (file: string): Promise<SinkHandle> => {
      if (disk.failing) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      return await open(file, constants.O_RDWR | constants.O_CREAT)
    }
    const sink = new FileSink({ path, size: 0, openHandle })
    t.after(() => sink.close())
    await sink.append(Buffer.from('first\n'))
    disk.failing = true
    for (const attempt of [1, 2])
      await assert.rejects(sink.rotate(7), { code: 'ENOSPC' }, `attempt ${attempt}`)
    assert.equal(sink.size, 6, 'it is not taken for done')
    disk.failing = false
    const ended = await sink.rotate(7)
    assert.equal(ended, 'audit.000000000000007.jsonl')
    await sink.append(Buffer.from('second\n'))
    assert.equal(await readFile(join(folder, ended), 'utf8'), 'first\n')
    assert.equal(await readFile(path, 'utf8'), 'second\n')
    await writeFile(join(folder, 'audit.000000000000009.jsonl'), 'somebody made this\n')
    await assert.rejects(sink.rotate(9), /exists already/)
    assert.equal(await readFile(path, 'utf8'), 'second\n')
  })
})

/** Needs a user that may mount. */
const smallDisk = async (): Promise<string | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-audit-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' })
    return folder
  } catch {
    await rm(folder, { recursive: true })
    return undefined
  }
}

test('a disk that is full refuses requests, and one that has space again takes them', async (t) => {
  const folder = await smallDisk()
  if (folder === undefined) {
    t.skip('needs to mount a tmpfs: run as root')
    return
  }
  const { log, path } = await openLog(t, { path: join(folder, 'audit.jsonl') })
  // After the hook that closes the log.
  t.after(async () => {
    execFileSync('umount', [folder])
    await rm(folder, { recursive: true })
  })
  const ballast = join(folder, 'ballast')
  await writeFile(ballast, Buffer.alloc(48 * 1024))
  let acknowledged = 0
  await assert.rejects(async () => {
    for (let at = 0; at < 1_000; at++) {
      await log.record(entryOf({ requestId: `${at}` }))
      acknowledged++
    }
  }, unavailable)
  assert.ok(acknowledged > 0)
  assert.equal((await verifyFiles(path)).break, undefined, 'the file is whole while the disk is full')
  await writeFile(ballast, '')
  await log.record(entryOf({ requestId: 'after' }))
  const told = (await readRecords(path)).filter(({ kind }) => kind === 'operation')
  assert.equal(told.length, acknowledged + 1)
  assert.equal((await verifyFiles(path)).break, undefined)
})
