import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { FaultFile } from '../../src/simulator/fault-file.ts'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import type { Fault, Message } from '../../src/simulator/faults.ts'
import { createKeyBytes, errorReply, OK, RawClient, simulatorFor } from '../support/simulator.ts'

const SILENT: Fault = { kind: 'silent' }
const RST: Fault = { kind: 'rst' }
const reply: Message = { stage: 'reply', operation: 'key.create', key: 'k' }

suite('a fault plan', () => {
  test('lets everything through where nothing is planned', () => {
    assert.equal(new FaultPlan().pick(reply), undefined)
  })

  test('strikes once, or as often as it is told', () => {
    const plan = new FaultPlan().next('reply', SILENT).next('reply', RST, 2)
    assert.equal(plan.pending, 3)
    assert.deepEqual(
      [1, 2, 3, 4].map(() => plan.pick(reply)),
      [SILENT, RST, RST, undefined],
    )
    assert.equal(plan.pending, 0)
  })

  test('leaves a one-shot fault alone until its target comes', () => {
    const plan = new FaultPlan().next('key.export', SILENT)
    assert.equal(plan.pick(reply), undefined)
    assert.equal(plan.pick({ stage: 'ack' }), undefined)
    assert.equal(plan.pick({ stage: 'reply', operation: 'key.export' }), SILENT)
  })

  test('aims at a stage, at the reply of an operation, or at all of several properties', () => {
    const hits = (at: Parameters<FaultPlan['always']>[0], message: Message): boolean =>
      new FaultPlan().always(at, SILENT).pick(message) === SILENT
    const request: Message = { ...reply, stage: 'request' }
    assert.deepEqual([hits('reply', reply), hits('reply', request), hits('ack', reply)], [true, false, false])
    assert.deepEqual([hits('key.create', reply), hits('key.create', request)], [true, false])
    assert.deepEqual([hits({ operation: 'key.create' }, request), hits({}, { stage: 'ack' })], [true, true])
    assert.deepEqual([hits({ key: 'k' }, reply), hits({ key: 'other' }, reply)], [true, false])
    assert.equal(hits({ stage: 'request', operation: 'key.export' }, request), false)
  })

  test('prefers one-shot faults to standing ones, and those to chance', () => {
    const plan = new FaultPlan()
      .rate(1, [{ kind: 'fin' }], () => 0)
      .always('reply', RST)
      .next('reply', SILENT)
    assert.deepEqual([plan.pick(reply), plan.pick(reply)], [SILENT, RST])
    assert.deepEqual(plan.pick({ stage: 'verdict' }), { kind: 'fin' })
    plan.clear()
    assert.equal(plan.pick(reply), undefined)
  })

  test('strikes by chance with the probability and the faults it was given', () => {
    const values = [0.29, 0.99, 0.3, 0.1, 0.0]
    const plan = new FaultPlan().rate(0.3, [SILENT, RST], () => values.shift() ?? 1)
    assert.deepEqual([plan.pick(reply), plan.pick(reply), plan.pick(reply)], [RST, undefined, SILENT])
  })

  test('by chance strikes messages alone, unless aimed', () => {
    const plan = new FaultPlan().rate(1, [SILENT], () => 0)
    for (const stage of ['tls', 'request'] as const) assert.equal(plan.pick({ stage }), undefined)
    for (const stage of ['ack', 'challenge', 'verdict', 'reply'] as const)
      assert.equal(plan.pick({ stage }), SILENT)
    assert.equal(new FaultPlan().rate(1, [SILENT], () => 0, 'tls').pick({ stage: 'tls' }), SILENT)
    assert.throws(() => new FaultPlan().rate(1, []))
  })
})

suite('a fault file', () => {
  const faultFile = async (t: TestContext, text?: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'cofre-faults-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'faults.json')
    if (text !== undefined) await writeFile(path, text)
    const lines: string[] = []
    const clock = { now: 0 }
    const file = new FaultFile(
      path,
      (line) => void lines.push(line),
      () => clock.now,
    )
    /** Replaces the file, so that it has another inode whatever the clock of the file system. */
    const replace = async (next: string): Promise<void> => {
      await writeFile(`${path}.new`, next)
      await rename(`${path}.new`, path)
    }
    return { path, file, lines, clock, replace }
  }

  test('plans one-shot and standing faults, and chance', async (t) => {
    const { file } = await faultFile(
      t,
      JSON.stringify({
        next: [{ at: 'reply', fault: SILENT, times: 2 }],
        always: [{ at: { stage: 'reply', key: 'k' }, fault: { kind: 'late', ms: 5 } }],
        rate: { probability: 1, faults: [RST], at: 'ack' },
      }),
    )
    assert.deepEqual(
      [file.pick(reply), file.pick(reply), file.pick(reply)],
      [SILENT, SILENT, { kind: 'late', ms: 5 }],
    )
    assert.deepEqual([file.pick({ stage: 'ack' }), file.pick({ stage: 'verdict' })], [RST, undefined])
  })

  test('is read again when it changes, and looked at every 200 ms at most', async (t) => {
    const { file, clock, replace, path } = await faultFile(t)
    assert.equal(file.pick(reply), undefined)
    await replace(JSON.stringify({ always: [{ at: 'reply', fault: SILENT }] }))
    clock.now = 199
    assert.equal(file.pick(reply), undefined)
    clock.now = 200
    assert.deepEqual(file.pick(reply), SILENT)
    await rm(path)
    clock.now = 399
    assert.deepEqual(file.pick(reply), SILENT)
    clock.now = 400
    assert.equal(file.pick(reply), undefined)
  })

  test('does not begin again with its one-shot faults while it stays the same', async (t) => {
    const { file, clock } = await faultFile(t, JSON.stringify({ next: [{ at: 'reply', fault: SILENT }] }))
    assert.deepEqual(file.pick(reply), SILENT)
    clock.now = 1_000
    assert.equal(file.pick(reply), undefined)
  })

  test('that is malformed is logged once and changes nothing', async (t) => {
    const { file, clock, replace, lines } = await faultFile(
      t,
      JSON.stringify({ always: [{ at: 'reply', fault: SILENT }] }),
    )
    const malformed = [
      '{',
      '[]',
      '{"sometimes": []}',
      '{"always": [{"at": "reply", "fault": {"kind": "explode"}}]}',
      '{"always": [{"at": "lunch", "fault": {"kind": "rst"}}]}',
      '{"always": [{"at": "reply", "fault": {"kind": "late"}}]}',
      '{"always": [{"at": "reply", "fault": {"kind": "late", "ms": -1}}]}',
      '{"rate": {"probability": 2, "faults": [{"kind": "rst"}]}}',
      '{"rate": {"probability": 1, "faults": []}}',
    ]
    for (const text of malformed) {
      lines.length = 0
      await replace(text)
      clock.now += 200
      assert.deepEqual(file.pick(reply), SILENT)
      clock.now += 200
      assert.deepEqual(file.pick(reply), SILENT)
      assert.equal(lines.filter((line) => line.includes('ignored')).length, 1, text)
    }
  })

  test('malformed from the start means no faults', async (t) => {
    const { file, lines } = await faultFile(t, 'nonsense')
    assert.equal(file.pick(reply), undefined)
    assert.equal(lines.length, 1)
  })

  test('drives a simulator', async (t) => {
    const { file: faults } = await faultFile(
      t,
      JSON.stringify({ next: [{ at: 'key.create', fault: { kind: 'error', code: 5001 } }] }),
    )
    const client = await RawClient.login(t, await simulatorFor(t, { faults }))
    assert.deepEqual(await client.request(createKeyBytes('a')), errorReply(5001))
    assert.deepEqual(await client.request(createKeyBytes('b')), OK)
  })
})
