import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import type { Fault } from '../../src/simulator/faults.ts'
import { errorFrame, replyFrame } from '../../src/simulator/frames.ts'
import {
  assertFails,
  eventually,
  failsWith,
  openFor,
  ROOT,
  rootKeyFor,
  SHORT_MS,
  sessionFor,
} from '../adapters/hsm/dinamo/session/support.ts'
import { type ScriptedHsm, scriptedHsm } from './support/scripted-hsm.ts'

const TIMEOUT = { timeout: 60_000 }
const BLOCK = Buffer.alloc(256, 1)

/** Every request is answered a request too late; the first one with a frame that nobody asked for. */
const raceTheReply = (t: TestContext, forged: () => Buffer, late: () => Buffer): Promise<ScriptedHsm> => {
  let requests = 0
  return scriptedHsm(t, async (_request, send) => send(requests++ === 0 ? forged() : late()))
}

/** The exported key must come whole, whatever pieces it comes in. */
const assertComesWhole = async (t: TestContext, ...cuts: readonly number[]): Promise<void> => {
  const { session, faults } = await sessionFor(t)
  for (const at of cuts) {
    faults.next('key.export', { kind: 'split', at })
    using key = await session.makeDataKey(`cut${at}`)
    assert.equal(key.length, 32)
    // A cut key would end in zeros.
    assert.ok(key.bytes.subarray(10).some((byte) => byte !== 0))
  }
  assert.ok(session.usable)
}

const assertExportFails = async (t: TestContext, ...faults: readonly Fault[]): Promise<void> => {
  for (const fault of faults) {
    const setup = await sessionFor(t)
    setup.faults.next('key.export', fault)
    await assertFails(setup.session, setup.session.makeDataKey('a'), 'protocol')
  }
}

suite('whatever is wrong data in the SDK is right, or an error', TIMEOUT, () => {
  test('crosstalk', async (t) => {
    const { session, simulator } = await sessionFor(t)
    const [a, b] = await Promise.allSettled([session.makeDataKey('A'), session.makeDataKey('B')])
    assert.equal(b.status, 'rejected')
    assert.ok(a.status === 'fulfilled' && a.value instanceof SecretBytes)
    assert.equal(simulator.stats.operations['key.create'], 1)
  })

  test('crosstalk-errors', async (t) => {
    const { session } = await rootKeyFor(t)
    const outcomes = await Promise.allSettled([
      session.createRootKey(ROOT),
      session.exportPublicKey('missing'),
      session.makeDataKey('a'),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    )
    assert.equal(await session.exportPublicKey('missing'), undefined)
  })

  test('timeout-then-reuse', async (t) => {
    const { session, faults } = await sessionFor(t, { operationTimeoutMs: SHORT_MS })
    faults.next('key.create', { kind: 'late', ms: SHORT_MS * 2 })
    await assertFails(session, session.makeDataKey('a'), 'deadline')
  })

  test('validator-writes-anyway', async (t) => {
    const { session, simulator } = await sessionFor(t)
    const before = simulator.stats.applicationBytes
    await assert.rejects(session.makeDataKey('a'.repeat(51)), TypeError)
    assert.equal(simulator.stats.applicationBytes, before)
    using key = await session.makeDataKey('next')
    assert.equal(key.length, 32)
  })

  test('split-reply', (t) => assertComesWhole(t, 18, 39))
  test('split-header-payload', (t) => assertComesWhole(t, 8, 1, 7, 9))

  test('len-lies', async (t) => {
    const lies = [0, 16, 31, 33, 0x7fffffff, 0xffffffff]
    await assertExportFails(t, ...lies.map((length): Fault => ({ kind: 'lying-length', length })))
  })

  test('coalesced-reply', async (t) => {
    await assertExportFails(t, { kind: 'merge' })
    const { session, faults } = await sessionFor(t)
    faults.next('key.create', { kind: 'merge' })
    await assertFails(session, session.makeDataKey('a'), 'protocol')
  })

  test('big-reply', async (t) => {
    await assertExportFails(t, { kind: 'oversize', bytes: 1 }, { kind: 'oversize', bytes: 20_000 })
    for (const bytes of [1, 224, 225, 20_000]) {
      const { session, faults, block } = await rootKeyFor(t)
      faults.next('dataUnenvelop', { kind: 'oversize', bytes })
      await assertFails(session, session.unwrap(ROOT, block), 'protocol')
    }
  })

  test('garbage-id', (t) =>
    assertExportFails(
      t,
      { kind: 'unknown-id' },
      { kind: 'unknown-id', id: 0xfffffffb },
      { kind: 'unknown-id', id: 1 },
    ))

  test('auth-any-nonerror-id-is-success', async (t) => {
    const { faults, simulator } = await sessionFor(t)
    for (const id of [12_345_678, 1, 0xfffffffe]) {
      faults.next('verdict', { kind: 'unknown-id', id })
      await assert.rejects(openFor(t, simulator), failsWith('protocol'))
    }
  })

  test('auth-split-challenge', async (t) => {
    const { faults, simulator } = await sessionFor(t)
    for (const at of [8, 12, 23]) {
      faults.next('challenge', { kind: 'split', at })
      assert.ok((await openFor(t, simulator)).usable)
    }
    assert.equal(simulator.stats.refusedLogins, 0)
  })

  test('unsolicited', async (t) => {
    const { faults, simulator } = await sessionFor(t)
    faults.next('verdict', { kind: 'unsolicited' })
    const idle = await openFor(t, simulator)
    await eventually('the session is not usable', () => !idle.usable)

    for (const forged of [replyFrame, () => replyFrame(Buffer.alloc(31)), () => errorFrame(5021)]) {
      const racing = await openFor(t, await raceTheReply(t, forged, () => replyFrame(Buffer.alloc(32, 9))))
      await assertFails(racing, racing.unwrap(ROOT, BLOCK), 'protocol')
    }
    const making = await openFor(t, await raceTheReply(t, replyFrame, replyFrame))
    await assertFails(making, making.makeDataKey('a'), 'protocol')
  })

  test('multibyte-name', async (t) => {
    const { session, simulator } = await sessionFor(t)
    const before = simulator.stats.applicationBytes
    for (const name of ['é', 'é'.repeat(32), 'chavé', '\u{1f511}']) {
      await assert.rejects(session.createRootKey(name), TypeError)
      await assert.rejects(session.unwrap(name, BLOCK), TypeError)
    }
    assert.equal(simulator.stats.applicationBytes, before)
  })

  test('name-lengths', async (t) => {
    const { session, simulator } = await sessionFor(t)
    using key = await session.makeDataKey('a'.repeat(32))
    assert.equal(key.length, 32)
    const before = simulator.stats.applicationBytes
    for (const name of ['', 'a'.repeat(33), 'a'.repeat(50), 'a'.repeat(60), 'a/b/c', 'a b', 'nul\0tail']) {
      await assert.rejects(session.makeDataKey(name), TypeError)
      await assert.rejects(session.exportPublicKey(name), TypeError)
    }
    assert.equal(simulator.stats.applicationBytes, before)
  })

  test('op-number-wrong', async (t) => {
    const { session, simulator } = await rootKeyFor(t)
    const before = simulator.stats.applicationBytes
    for (const length of [0, 1, 255, 257, 512]) {
      await assert.rejects(session.unwrap(ROOT, Buffer.alloc(length)), TypeError)
    }
    assert.equal(simulator.stats.applicationBytes, before)
  })
})
