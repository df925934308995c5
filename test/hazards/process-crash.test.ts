import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { openDinamoSession } from '../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import type { Fault } from '../../src/simulator/faults.ts'
import { errorFrame } from '../../src/simulator/frames.ts'
import {
  assertFails,
  credentialsOf,
  eventually,
  failsWith,
  openFor,
  optionsFor,
  SHORT_MS,
  sessionFor,
} from '../adapters/hsm/dinamo/session/support.ts'
import { type Credentials, simulatorFor, USER } from '../support/simulator.ts'
import { rawServer, scriptedHsm } from './support/scripted-hsm.ts'

const TIMEOUT = { timeout: 60_000 }

/** Nothing is sent, and nothing crashes. */
const assertRefusedUnsent = async (t: TestContext, user: Credentials): Promise<void> => {
  const simulator = await simulatorFor(t)
  const options = optionsFor(simulator.certificateSha256, { credentials: credentialsOf(user) })
  await assert.rejects(openDinamoSession(simulator, options), TypeError)
  assert.equal(simulator.stats.connections, 0)
}

/** The rest of the message never comes. */
const assertCutShort = async (t: TestContext, fault: Fault): Promise<void> => {
  const { session, faults } = await sessionFor(t, { operationTimeoutMs: SHORT_MS })
  faults.next('key.create', fault)
  await assertFails(session, session.makeDataKey('a'), 'deadline')
}

suite('whatever crashes the process in the SDK is an error of one session', TIMEOUT, () => {
  test('connect-bad-ack', async (t) => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', 'oops', '\0\0\0\0']) {
      const server = await rawServer(t, (raw) => void raw.write(answer))
      await assert.rejects(openFor(t, server), failsWith('connect'))
    }
  })

  test('connect-short-ack', async (t) => {
    const { session, faults, simulator } = await sessionFor(t)
    assert.ok(session.usable)
    for (const at of [1, 2, 3]) {
      faults.next('ack', { kind: 'split', at })
      assert.ok((await openFor(t, simulator)).usable)
    }
    faults.next('ack', { kind: 'short', bytes: 2 })
    const options = optionsFor(simulator.certificateSha256, { connectTimeoutMs: SHORT_MS })
    await assert.rejects(openDinamoSession(simulator, options), failsWith('deadline'))
  })

  test('auth-short-challenge-frame', async (t) => {
    const { faults, simulator } = await sessionFor(t)
    for (const at of [1, 7]) {
      faults.next('challenge', { kind: 'split', at })
      assert.ok((await openFor(t, simulator)).usable)
    }
    faults.next('challenge', { kind: 'short', bytes: 4 })
    const options = optionsFor(simulator.certificateSha256, { connectTimeoutMs: SHORT_MS })
    await assert.rejects(openDinamoSession(simulator, options), failsWith('deadline'))
  })

  test('short-reply', async (t) => {
    await assertCutShort(t, { kind: 'short', bytes: 1 })
    await assertCutShort(t, { kind: 'short', bytes: 7 })
  })

  test('split-error-reply', async (t) => {
    const error = errorFrame(5006)
    const hsm = await scriptedHsm(t, async (_request, send) => {
      for (const byte of error) await send(Buffer.of(byte))
    })
    const session = await openFor(t, hsm)
    await assertFails(session, session.makeDataKey('a'), 'device', 5006)
  })

  test('long-username', (t) => assertRefusedUnsent(t, { ...USER, username: 'a'.repeat(17) }))
  test('long-password', (t) => assertRefusedUnsent(t, { ...USER, password: 'a'.repeat(17) }))
  test('missing-password', (t) => assertRefusedUnsent(t, { ...USER, password: '' }))
  test('nonascii-password', (t) => assertRefusedUnsent(t, { ...USER, password: 'sénhaçã1' }))

  test('len16-ok', async (t) => {
    const user = { username: 'abcdefghijklmnop', password: '0123456789abcdef' }
    const simulator = await simulatorFor(t, { users: [user] })
    const session = await openFor(t, simulator, { credentials: credentialsOf(user) })
    assert.ok(session.usable)
  })

  test('connect-closed-port', async (t) => {
    const simulator = await simulatorFor(t)
    await simulator.close()
    await assert.rejects(openFor(t, simulator), failsWith('connect'))
  })

  test('auth-fail-leaks-socket', async (t) => {
    const simulator = await simulatorFor(t)
    const credentials = credentialsOf({ ...USER, password: 'wrong' })
    for (let attempt = 0; attempt < 5; attempt++) {
      await assert.rejects(openFor(t, simulator, { credentials }), failsWith('login-refused', 5002))
    }
    await eventually('no connection is open', () => simulator.stats.recent.every(({ open }) => !open))
    assert.equal(simulator.stats.refusedLogins, 5)
  })
})
