import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { KmsError } from '../../../../src/domain/errors.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import type { Fault } from '../../../../src/simulator/faults.ts'
import { Load, unwraps, wrapRandom } from './load.ts'
import { Devices, makeRootKey, openOver, until } from './support.ts'

const TIMEOUT = { timeout: 120_000 }
const OPERATIONS = 500
const MAX_SESSIONS = 4
/** Short, so that what is never answered ends soon; long enough for a busy machine. */
const SESSION = { operationTimeoutMs: 1_000, connectTimeoutMs: 1_000 }

const FAULTS: Readonly<Record<string, readonly Fault[]>> = {
  silent: [{ kind: 'silent' }],
  fin: [{ kind: 'fin' }],
  rst: [{ kind: 'rst' }],
  'close-notify': [{ kind: 'close-notify' }],
  split: [
    { kind: 'split', at: 4 },
    { kind: 'split', at: 8 },
    { kind: 'split', at: 20 },
  ],
  merge: [{ kind: 'merge' }],
  surplus: [{ kind: 'surplus' }],
  unsolicited: [{ kind: 'unsolicited', afterMs: 0 }, { kind: 'unsolicited' }],
  short: [
    { kind: 'short', bytes: 0 },
    { kind: 'short', bytes: 7 },
    { kind: 'short', bytes: 12 },
  ],
  oversize: [
    { kind: 'oversize', bytes: 1 },
    { kind: 'oversize', bytes: 20_000 },
  ],
  'unknown id': [{ kind: 'unknown-id' }],
  'lying length': [
    { kind: 'lying-length', length: 0 },
    { kind: 'lying-length', length: 31 },
    { kind: 'lying-length', length: 0x7fffffff },
  ],
  late: [
    { kind: 'late', ms: 50 },
    { kind: 'late', ms: 1_500 },
  ],
  'error codes': [5001, 5002, 5006, 5019, 5020, 5023].map((code) => ({ kind: 'error', code })),
}

const openCount = (devices: Devices): number =>
  devices.all.reduce((sum, { stats }) => sum + stats.recent.filter(({ open }) => open).length, 0)

suite('2 % of the replies are struck by', { ...TIMEOUT, concurrency: 2 }, () => {
  for (const [name, faults] of Object.entries(FAULTS)) {
    test(name, async (t) => {
      const plan = new FaultPlan()
      const devices = await Devices.start(t, 1, { faults: plan })
      const hsm = openOver(t, devices, { session: SESSION, maxSessions: MAX_SESSIONS })
      const rootKey = await makeRootKey(hsm)
      plan.rate(0.02, faults, Math.random, 'reply')
      const load = new Load(hsm, rootKey)
      await until(() => load.done > OPERATIONS, `${OPERATIONS} operations`)
      await load.stop()
      assert.ok(devices.at(0).stats.faults > 0)
      assert.equal(load.wrong, 0)
      for (const error of load.failures) {
        assert.ok(KmsError.is(error, 'hsm_unavailable', 'hsm_busy'), String(error))
      }
      await until(() => openCount(devices) <= MAX_SESSIONS, 'the end of what was given up')
      plan.clear()
      await until(() => hsm.available, 'recovery')
      assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
    })
  }

  test('faults of every kind at every stage, over two hosts', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 2, { faults: plan })
    const hsm = openOver(t, devices, { session: SESSION, maxSessions: MAX_SESSIONS })
    const rootKey = await makeRootKey(hsm)
    const { 'error codes': errors = [], ...others } = FAULTS
    // At a login, an error code may mean a refusal, after which a host is left alone for 30 seconds.
    plan.rate(0.02, errors, Math.random, 'reply').rate(0.02, Object.values(others).flat())
    const load = new Load(hsm, rootKey)
    await until(() => load.done > OPERATIONS, `${OPERATIONS} operations`)
    await load.stop()
    assert.equal(load.wrong, 0)
    for (const error of load.failures) {
      assert.ok(KmsError.is(error, 'hsm_unavailable', 'hsm_busy'), String(error))
    }
    await until(() => openCount(devices) <= 2 * MAX_SESSIONS, 'the end of what was given up')
  })

  test('wrong key bytes: asked again on another session, the right ones come', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 1, { faults: plan })
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    const wrapped = wrapRandom(rootKey)
    for (let round = 0; round < 20; round++) {
      plan.next('dataUnenvelop', { kind: 'wrong-key' })
      assert.equal(await unwraps(hsm, rootKey.reference, wrapped), false)
      const { logins } = devices.at(0).stats
      assert.equal(await unwraps(hsm, rootKey.reference, wrapped, true), true)
      assert.equal(devices.at(0).stats.logins, logins + 1)
    }
    assert.equal(hsm.available, true)
  })

  test('wrong key bytes of one host: asked again, the other one answers', async (t) => {
    const devices = await Devices.start(t, 2)
    const plan = new FaultPlan()
    await devices.kill(1)
    await devices.bringBack(1, { faults: plan })
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    plan.always('dataUnenvelop', { kind: 'wrong-key' })
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const wrapped = wrapRandom(rootKey)
        const first = await unwraps(hsm, rootKey.reference, wrapped)
        return first || (await unwraps(hsm, rootKey.reference, wrapped, true))
      }),
    )
    assert.deepEqual(answers, Array(40).fill(true))
  })
})
