import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { KmsError } from '../../../../src/domain/errors.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import { Load, unwraps, wrapRandom } from './load.ts'
import { Devices, makeRootKey, openOver, until } from './support.ts'

const TIMEOUT = { timeout: 120_000 }

suite('several Dinamo hosts', TIMEOUT, () => {
  test('share the load', async (t) => {
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices)
    const load = new Load(hsm, await makeRootKey(hsm))
    await until(() => load.done > 400, '400 operations')
    await load.stop()
    for (const { stats } of devices.all) assert.ok(stats.operations.dataUnenvelop > 50)
  })

  test('one is killed and brought back, then the other: no operation fails', async (t) => {
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices)
    const load = new Load(hsm, await makeRootKey(hsm))
    for (const index of [0, 1]) {
      const before = load.done
      await until(() => load.done > before + 100, 'load on both')
      await devices.kill(index)
      const dead = load.done
      await until(() => load.done > dead + 200, 'load on the other one')
      await devices.bringBack(index)
      await until(
        () => devices.at(index).stats.operations['key.export'] > 20,
        'load on the one that came back',
      )
    }
    await load.stop()
    assert.deepEqual(load.failures, [])
    load.assertNothingWrong()
  })

  test('one falls silent without closing anything: no operation fails', async (t) => {
    const devices = await Devices.start(t, 2)
    const plan = new FaultPlan()
    await devices.kill(1)
    await devices.bringBack(1, { faults: plan })
    const hsm = openOver(t, devices, { session: { operationTimeoutMs: 400, connectTimeoutMs: 400 } })
    const load = new Load(hsm, await makeRootKey(hsm))
    await until(() => devices.at(1).stats.operations.dataUnenvelop > 20, 'load on both')
    plan.always({}, { kind: 'silent' })
    const silent = load.done
    await until(() => devices.at(1).sessions === 0, 'the end of the silent sessions')
    await until(() => load.done > silent + 300, 'load on the other one')
    await load.stop()
    assert.deepEqual(load.failures, [])
    load.assertNothingWrong()
  })

  test('all are dead: hsm_unavailable within the deadline, and service returns by itself', async (t) => {
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    const wrapped = wrapRandom(rootKey)
    await devices.kill(0)
    await devices.kill(1)
    const from = performance.now()
    const answers = await Promise.allSettled(
      Array.from({ length: 16 }, () => unwraps(hsm, rootKey.reference, wrapped)),
    )
    assert.ok(performance.now() - from < 10_000)
    for (const answer of answers) {
      assert.equal(answer.status, 'rejected')
      assert.ok(KmsError.is(answer.reason, 'hsm_unavailable'), String(answer.reason))
    }
    assert.equal(hsm.available, false)
    await devices.bringBack(0)
    const back = performance.now()
    await until(() => hsm.available, 'service without a caller')
    assert.ok(performance.now() - back < 10_000)
    assert.ok(await unwraps(hsm, rootKey.reference, wrapped))
  })

  test('an operation that began while all were dead is answered when one comes back in time', async (t) => {
    const devices = await Devices.start(t, 1)
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    await devices.kill(0)
    const answers = Promise.all(
      Array.from({ length: 8 }, () => unwraps(hsm, rootKey.reference, wrapRandom(rootKey))),
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    await devices.bringBack(0)
    assert.deepEqual(await answers, Array(8).fill(true))
  })
})
