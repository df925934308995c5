import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { Block } from '../../../src/adapters/audit/block.ts'
import { GENESIS } from '../../../src/adapters/audit/record.ts'
import {
  type VerifiedLog,
  type VerifyOptions,
  verifyLog,
} from '../../../src/adapters/audit/verify/verify-log.ts'
import { entryOf, KEY, openLog, PUBLIC_KEY, readFile, writeFile } from './support.ts'

const TIME = new Date('2026-01-01T00:00:00.000Z')

/** A log of four blocks of two records, line by line, with their line ends. */
const writeLines = async (): Promise<readonly string[]> => {
  let text = ''
  let end = GENESIS
  for (let at = 0; at < 4; at++) {
    const block = new Block(end)
    block.add(TIME, { kind: 'operation', ...entryOf({ requestId: `request ${at}` }) })
    const { bytes, position } = await block.seal(TIME, 'instance-1', KEY)
    text += bytes.toString()
    end = position
  }
  return text.split(/(?<=\n)/)
}

const lines = await writeLines()

suite('an audit log that was tampered with', () => {
  let folder: string
  let path: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cofre-tamper-'))
    path = join(folder, 'tampered.jsonl')
  })
  after(() => rm(folder, { recursive: true }))

  const verifyAfter = async (
    changed: readonly string[] | Uint8Array,
    options: Partial<VerifyOptions> = {},
  ): Promise<VerifiedLog> => {
    await writeFile(path, changed instanceof Uint8Array ? changed : changed.join(''))
    return await verifyLog([path], { publicKey: PUBLIC_KEY, ...options })
  }

  const without = (at: number, count = 1) => lines.toSpliced(at, count)

  test('verifies while it is not', async () => {
    const { break: found, records, instance } = await verifyAfter(lines)
    assert.deepEqual({ found, records, instance }, { found: undefined, records: 8, instance: 'instance-1' })
  })

  test('by any one byte does not verify, and is vouched for at most up to there', async () => {
    const whole = Buffer.from(lines.join(''))
    const lineOf = (at: number) => whole.subarray(0, at).toString().split('\n').length
    for (let at = 0; at < whole.length; at += 3) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] as number) ^ 1
      const { break: found, end } = await verifyAfter(changed)
      assert.ok(found !== undefined, `byte ${at}`)
      const line = lineOf(at)
      assert.ok(found.line === line || found.line === line + 1, `byte ${at} of line ${line}: ${found.line}`)
      assert.ok(end.sequence < line, `byte ${at} of line ${line}: vouched up to ${end.sequence}`)
    }
  })

  test('by a changed value names both places it can be', async () => {
    const at = 2
    const changed = lines.with(at, (lines[at] as string).replace('request 1', 'request X'))
    const { break: found } = await verifyAfter(changed)
    assert.equal(found?.line, 4)
    assert.match(found.reason, /record 4 does not follow record 3 \(line 3\): one of the two was altered/)
  })

  test('by removing the first record does not verify', async () => {
    const { break: found } = await verifyAfter(without(0))
    assert.equal(found?.line, 1)
    assert.match(found.reason, /record 1 should stand here, not 2/)
    assert.match((await verifyAfter(without(0, 2))).break?.reason ?? '', /not 3/)
    assert.equal((await verifyAfter([])).break?.reason, 'there is no record')
  })

  test('by removing any record but the last block does not verify', async () => {
    for (let at = 0; at < lines.length - 1; at++) {
      const { break: found } = await verifyAfter(without(at))
      assert.ok(found !== undefined, `without line ${at + 1}`)
      assert.ok(found.line === at + 1, `without line ${at + 1}: ${found.line}`)
    }
  })

  test('by exchanging, repeating or putting in records does not verify', async () => {
    for (let at = 1; at < lines.length; at++) {
      const [one, two] = [lines[at - 1] as string, lines[at] as string]
      const changes = {
        exchanged: lines.toSpliced(at - 1, 2, two, one),
        repeated: lines.toSpliced(at, 0, one),
        'put in': lines.toSpliced(at, 0, one.replace(/"seq":\d+/, `"seq":${at + 1}`)),
      }
      for (const [how, changed] of Object.entries(changes)) {
        const { break: found } = await verifyAfter(changed)
        assert.ok(found !== undefined, `${how} at line ${at}`)
        assert.ok(Math.abs(found.line - at) <= 1, `${how} at line ${at}: ${found.line}`)
      }
    }
  })

  test('by cutting it anywhere but at a checkpoint does not verify', async () => {
    const whole = Buffer.from(lines.join(''))
    const checkpointEnds = new Set<number>()
    let end = 0
    for (const line of lines) {
      end += Buffer.byteLength(line)
      if (line.includes('"kind":"checkpoint"')) checkpointEnds.add(end)
    }
    const places = [...checkpointEnds].flatMap((at) => [at - 1, at, at + 1])
    for (let at = 0; at < whole.length; at += 5) places.push(at)
    for (const at of places.filter((place) => place <= whole.length)) {
      const { break: found } = await verifyAfter(whole.subarray(0, at))
      assert.equal(found === undefined, checkpointEnds.has(at), `cut after ${at} bytes`)
    }
  })

  test('by cutting it at a checkpoint does not verify with a head', async () => {
    const { end: head } = await verifyAfter(lines)
    const cut = lines.slice(0, -2)
    assert.equal((await verifyAfter(cut)).break, undefined, 'without a head it can not be known')
    for (const heads of [[head], [{ ...head, instance: 'instance-1' }]]) {
      assert.match((await verifyAfter(cut, { heads })).break?.reason ?? '', /its end was cut off/)
      assert.equal((await verifyAfter(lines, { heads })).break, undefined)
    }
    const other = [{ ...head, hash: 'f'.repeat(64) }]
    assert.match((await verifyAfter(lines, { heads: other })).break?.reason ?? '', /another one/)
    const unknown = [{ ...head, instance: 'another' }]
    assert.match((await verifyAfter(lines, { heads: unknown })).break?.reason ?? '', /knows no log/)
  })

  test('that somebody else signed anew does not verify', async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const block = new Block(GENESIS)
    block.add(new Date(), { kind: 'operation', ...entryOf() })
    const forged = await block.seal(new Date(), 'instance-1', privateKey)
    assert.match((await verifyAfter(forged.bytes)).break?.reason ?? '', /not signed with the trusted key/)
    const right = new Block(GENESIS)
    right.add(new Date(), { kind: 'operation', ...entryOf() })
    const { bytes } = await right.seal(new Date(), 'instance-1', KEY)
    assert.equal((await verifyAfter(bytes)).break, undefined)
    const { publicKey } = generateKeyPairSync('ed25519')
    assert.equal((await verifyAfter(lines, { publicKey })).break?.line, 2)
  })

  test('by spelling the last signature another way does not verify', async () => {
    const last = lines.at(-1) as string
    const [end] = last.match(/.(?="\}\n$)/) ?? assert.fail('no signature')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // The last four bits of it are no part of the bytes.
    const spellings = Array.from({ length: 16 }, (_, at) => alphabet[(alphabet.indexOf(end) & ~15) + at])
    for (const spelling of spellings.filter((each) => each !== end)) {
      const changed = lines.with(-1, last.replace(/.(?="\}\n$)/, spelling as string))
      const { break: found } = await verifyAfter(changed)
      assert.match(found?.reason ?? '', /was altered/)
    }
  })

  test('by putting another log of the same key behind it does not verify', async () => {
    const { end } = await verifyAfter(lines)
    const block = new Block(end)
    const { bytes } = await block.seal(new Date(), 'instance-2', KEY)
    const { break: found } = await verifyAfter([...lines, bytes.toString()])
    assert.match(found?.reason ?? '', /of another log/)
  })

  test('whatever it is, ends in an answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        assert.ok((await verifyAfter(bytes)).break !== undefined)
      }),
      { numRuns: 200 },
    )
    const records = fc.array(
      fc.oneof(
        fc.constantFrom(...lines),
        fc.json().map((text) => `${text}\n`),
      ),
      { maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(records, async (mixed) => {
        const { break: found } = await verifyAfter(mixed)
        assert.equal(
          found === undefined,
          mixed.length > 0 &&
            lines.join('').startsWith(mixed.join('')) &&
            mixed.at(-1)?.includes('"checkpoint"'),
        )
      }),
      { numRuns: 200 },
    )
  })
})

test('what stands behind the last checkpoint opens and closes no intent', async (t) => {
  const { log, path } = await openLog(t)
  const store = (requestId: string, phase: 'intent' | 'outcome') =>
    log.record(entryOf({ requestId, phase, operation: 'storePrivateKey' }))
  await store('a', 'intent')
  await store('a', 'outcome')
  await store('b', 'intent')
  await log.close()
  const lines = (await readFile(path, 'utf8')).split(/(?<=\n)/)
  const intentsIn = async (kept: number) => {
    await writeFile(path, lines.slice(0, kept).join(''))
    const { openIntents } = await verifyLog([path], { publicKey: PUBLIC_KEY })
    return openIntents.map(({ requestId }) => requestId)
  }
  assert.deepEqual(await intentsIn(8), ['b'])
  assert.deepEqual(await intentsIn(7), [], 'nobody vouches for the last intent')
  assert.deepEqual(await intentsIn(5), ['a'], 'nobody vouches for the outcome')
  assert.deepEqual(await intentsIn(3), [])
})

test('intents without outcome are found', async (t) => {
  const { log, path } = await openLog(t)
  const store = (requestId: string, phase: 'intent' | 'outcome', pub = 'xpub') =>
    log.record(
      entryOf({
        requestId,
        phase,
        operation: 'storePrivateKey',
        identity: { tenant: 'default', pub, source: 'user' },
      }),
    )
  await store('a', 'intent')
  await store('b', 'intent')
  await store('b', 'outcome')
  await store('c', 'intent', 'other')
  await store('c', 'outcome')
  await store('d', 'outcome')
  const { openIntents, break: found } = await verifyLog([path], { publicKey: PUBLIC_KEY })
  assert.equal(found, undefined)
  assert.deepEqual(
    openIntents.map(({ requestId, pub }) => [requestId, pub]),
    [
      ['a', 'xpub'],
      ['c', 'other'],
    ],
  )
})
