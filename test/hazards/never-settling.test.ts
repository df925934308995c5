import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import {
  type DinamoSession,
  openDinamoSession,
} from '../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import type { Fault, FaultTarget } from '../../src/simulator/faults.ts'
import {
  assertFails,
  eventually,
  failsWith,
  openFor,
  optionsFor,
  SHORT_MS,
  sessionFor,
} from '../adapters/hsm/dinamo/session/support.ts'
import { simulatorFor } from '../support/simulator.ts'
import { openInside } from './support/opened-session.ts'
import { rawServer, scriptedHsm } from './support/scripted-hsm.ts'

const TIMEOUT = { timeout: 60_000 }
const MORE_THAN_A_PEER_BUFFERS = 64 * 1024 * 1024

/** An opening that must end in time, and leave no connection behind. */
const assertSilenceEnds = async (t: TestContext, at: FaultTarget): Promise<void> => {
  const faults = new FaultPlan().always(at, { kind: 'silent' })
  const simulator = await simulatorFor(t, { faults })
  const options = optionsFor(simulator.certificateSha256, { connectTimeoutMs: SHORT_MS })
  await assert.rejects(openDinamoSession(simulator, options), failsWith('deadline'))
  await eventually('the connection is gone', () => simulator.stats.recent.every(({ open }) => !open))
}

/** An operation that is struck must fail, and take its session with it. */
const assertStruck = async (t: TestContext, fault: Fault, kind: 'closed' | 'deadline'): Promise<void> => {
  const { session, faults } = await sessionFor(t, kind === 'deadline' ? { operationTimeoutMs: SHORT_MS } : {})
  faults.next('key.create', fault)
  await assertFails(session, session.makeDataKey('a'), kind)
}

/** A session that ends while it is idle must show it, and take no operation. */
const assertEndNoticed = async (session: DinamoSession): Promise<void> => {
  await eventually('the session is not usable', () => !session.usable)
  await assert.rejects(session.exportPublicKey('missing'), failsWith('closed'))
}

suite('whatever never settles in the SDK ends', TIMEOUT, () => {
  test('connect-silent-tcp', (t) => assertSilenceEnds(t, 'ack'))
  test('connect-silent-tls', (t) => assertSilenceEnds(t, 'tls'))
  test('connect-silent-auth', (t) => assertSilenceEnds(t, 'challenge'))

  test('connect-fin-before-ack', async (t) => {
    const server = await rawServer(t, (raw) => raw.end())
    await assert.rejects(openFor(t, server), failsWith('connect'))
  })

  test('connect-rst-before-ack', async (t) => {
    const server = await rawServer(t, (raw) => raw.resetAndDestroy())
    await assert.rejects(openFor(t, server), failsWith('connect'))
  })

  test('op-never-answered', (t) => assertStruck(t, { kind: 'silent' }, 'deadline'))
  test('fin-mid-op', (t) => assertStruck(t, { kind: 'close-notify' }, 'closed'))
  test('destroy-mid-op', (t) => assertStruck(t, { kind: 'fin' }, 'closed'))
  test('rst-mid-op', (t) => assertStruck(t, { kind: 'rst' }, 'closed'))

  test('idle-close', async (t) => {
    const { session, simulator } = await sessionFor(t)
    await simulator.close()
    await assertEndNoticed(session)
  })

  test('idle-close-notify', async (t) => {
    const { session } = await sessionFor(t, {}, { idleTimeoutMs: SHORT_MS })
    await assertEndNoticed(session)
  })

  test('idle-rst', async (t) => {
    const hsm = await scriptedHsm(t, () => {})
    const session = await openFor(t, hsm)
    for (const connection of hsm.connections) connection.resetAndDestroy()
    await assertEndNoticed(session)
  })

  test('disconnect-twice', async (t) => {
    const { session, simulator } = await sessionFor(t)
    await Promise.all([session.close(), session.close()])
    await session.close()
    assert.equal(simulator.stats.operations.close, 1)
    await assert.rejects(session.makeDataKey('a'), failsWith('closed'))
  })

  test('disconnect-pending-op', async (t) => {
    const { session, faults } = await sessionFor(t)
    faults.next('key.create', { kind: 'silent' })
    const operation = assert.rejects(session.makeDataKey('a'), failsWith('closed'))
    await session.close()
    await operation
  })

  test('disconnect-blocked-peer', async (t) => {
    const peers: Socket[] = []
    const hsm = await scriptedHsm(
      t,
      () => {},
      (peer) => peers.push(peer),
    )
    const { session, socket } = await openInside(t, hsm)
    for (const peer of peers) peer.pause()
    socket.write(Buffer.alloc(MORE_THAN_A_PEER_BUFFERS))
    await session.close()
    assert.ok(socket.destroyed)
    assert.equal(session.usable, false)
  })
})
