import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { DinamoHsm } from '../../../../src/adapters/hsm/dinamo/dinamo-hsm.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import { publicKeySha256 } from '../../../../src/domain/wrapping.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import { memorySimulatorState } from '../../../../src/simulator/state.ts'
import { unwraps, wrapRandom } from './load.ts'
import { Devices, makeRootKey, openOver, RecordedLog, until } from './support.ts'

const TIMEOUT = { timeout: 60_000 }
const QUICK = { proveTimeoutMs: 1_500, deadlineMs: 1_000 }

const refusedNaming =
  (...texts: readonly (string | undefined)[]) =>
  (error: unknown): true => {
    assert.ok(KmsError.is(error, 'start_refused'), String(error))
    for (const text of texts) assert.ok(text && error.message.includes(text), error.message)
    return true
  }

/** Two devices whose objects are not the same: the second one is not a replica. */
const unlikeDevices = async (t: TestContext): Promise<Devices> => {
  const devices = await Devices.start(t, 2)
  await devices.kill(1)
  await devices.bringBack(1, { objects: (await memorySimulatorState()).objects })
  return devices
}

const makeUnproven = async (hsm: DinamoHsm, place: string, id = 'unproven'.padEnd(32, 'x')) => {
  const { publicKey } = await hsm.createRootKey({ id, place })
  const reference = { id, algorithm: 'rsa-oaep-sha256', publicKeySha256: publicKeySha256(publicKey) } as const
  return { reference, publicKey }
}

suite('a new root key', TIMEOUT, () => {
  test('is made on the place of its claim alone, and not while that is down', async (t) => {
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices, { deadlineMs: 1_000 })
    const [one, other] = devices.targets
    assert.ok(one && other)
    await makeUnproven(hsm, other.name)
    assert.equal(devices.at(0).stats.operations['key.create'], 0)
    assert.equal(devices.at(1).stats.operations['key.create'], 1)
    await devices.kill(0)
    await assert.rejects(
      hsm.createRootKey({ id: 'b'.repeat(32), place: one.name }),
      (error) => KmsError.is(error, 'hsm_unavailable') && error.message.includes(one.name),
    )
    assert.equal(devices.at(1).stats.operations['key.create'], 1)
  })

  test('is found by the next attempt where the answer was lost', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 2, { faults: plan })
    const hsm = openOver(t, devices)
    plan.next('key.create', { kind: 'rst' })
    const { outcome, publicKey } = await hsm.createRootKey({
      id: 'c'.repeat(32),
      place: await hsm.choosePlace(),
    })
    assert.equal(outcome, 'exists')
    assert.equal(plan.pending, 0)
    assert.ok(publicKey)
  })

  test('can’t be finished on a place that is not configured any more', async (t) => {
    const hsm = openOver(t, await Devices.start(t, 1))
    await assert.rejects(
      hsm.createRootKey({ id: 'd'.repeat(32), place: 'gone.example:4433' }),
      refusedNaming('gone.example:4433', 'DINAMO_HOST'),
    )
  })

  test('waits for every host, then stops and names the one that does not answer', async (t) => {
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices, QUICK)
    const [one, other] = devices.targets
    const { reference, publicKey } = await makeUnproven(hsm, one?.name ?? '')
    await devices.kill(1)
    await assert.rejects(
      hsm.proveDevices(reference, publicKey, { fresh: true }),
      refusedNaming(other?.name, 'ROOT_KEY_MIN_HOSTS', 'no connection'),
    )
    const proven = openOver(t, devices, { ...QUICK, proveTimeoutMs: 20_000 })
    const waiting = proven.proveDevices(reference, publicKey, { fresh: true })
    await devices.bringBack(1)
    await waiting
  })

  test('stops at a host that has no such key, and goes on where fewer hosts are asked for', async (t) => {
    const devices = await unlikeDevices(t)
    const [one, other] = devices.targets
    const hsm = openOver(t, devices, QUICK)
    const { reference, publicKey } = await makeUnproven(hsm, one?.name ?? '')
    await assert.rejects(
      hsm.proveDevices(reference, publicKey, { fresh: true }),
      refusedNaming(other?.name, 'no root key', reference.id),
    )
    const lenient = openOver(t, devices, { ...QUICK, neededHosts: 1 })
    await lenient.proveDevices(reference, publicKey, { fresh: true })
  })
})

suite('a root key in use', TIMEOUT, () => {
  test('lets a start go on while one of two hosts is down, and that one serve once it is back', async (t) => {
    const devices = await Devices.start(t, 2)
    const before = openOver(t, devices)
    const { reference, publicKey } = await makeRootKey(before)
    await before.close()
    await devices.kill(0)
    const hsm = openOver(t, devices)
    await hsm.proveDevices(reference, publicKey, { fresh: false })
    assert.ok(await unwraps(hsm, reference, wrapRandom({ reference, publicKey })))
    await devices.bringBack(0)
    await until(() => devices.at(0).stats.operations.dataUnenvelop > 0, 'the self-test')
    while (devices.at(0).stats.operations.dataUnenvelop < 10) {
      assert.ok(await unwraps(hsm, reference, wrapRandom({ reference, publicKey })))
    }
  })

  test('sets a host aside that does not have it, says why, and never asks it', async (t) => {
    const devices = await unlikeDevices(t)
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, { logger, neededHosts: 1 })
    const [one, other] = devices.targets
    const rootKey = await makeUnproven(hsm, one?.name ?? '')
    // It serves by then: only what follows puts it to the test.
    await makeUnproven(hsm, other?.name ?? '', 'another'.padEnd(32, 'x'))
    await hsm.proveDevices(rootKey.reference, rootKey.publicKey, { fresh: true })
    await until(() => logger.errors().length > 0, 'the error')
    const [line] = logger.errors()
    assert.equal(line?.fields.host, other?.name)
    assert.equal(line?.fields.reason, 'self-test')
    assert.match(String(line?.fields.problem), /has no root key/)
    const { dataUnenvelop } = devices.at(1).stats.operations
    for (let call = 0; call < 20; call++)
      assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
    assert.equal(devices.at(1).stats.operations.dataUnenvelop, dataUnenvelop)
    assert.equal(hsm.available, true)
  })

  test('must be shown again by a host that comes back: one that was replaced does not serve', async (t) => {
    const devices = await Devices.start(t, 2)
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, { logger })
    const rootKey = await makeRootKey(hsm)
    await devices.kill(1)
    const calls = Array.from({ length: 40 }, () => unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
    assert.deepEqual(await Promise.all(calls), Array(40).fill(true))
    await until(() => logger.errors().length > 0, 'the breaker')
    await devices.bringBack(1, { objects: (await memorySimulatorState()).objects })
    await until(() => logger.errors().some(({ fields }) => fields.reason === 'self-test'), 'the self-test')
    for (let call = 0; call < 20; call++)
      assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
    assert.equal(devices.at(1).stats.operations['key.export'], 0)
  })

  test('missing on one host is asked of the other before it counts', async (t) => {
    const devices = await unlikeDevices(t)
    const hsm = openOver(t, devices)
    const [one, other] = devices.targets
    const onFirst = await makeUnproven(hsm, one?.name ?? '', 'e'.repeat(32))
    const onSecond = await makeUnproven(hsm, other?.name ?? '', 'f'.repeat(32))
    for (const rootKey of [onFirst, onSecond]) {
      for (let call = 0; call < 10; call++) {
        assert.ok((await hsm.getPublicKey(rootKey.reference))?.equals(rootKey.publicKey))
        assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
      }
    }
  })

  test('missing on one host does not count while the other can’t be asked', async (t) => {
    const devices = await unlikeDevices(t)
    const hsm = openOver(t, devices, { deadlineMs: 1_000 })
    const [, other] = devices.targets
    const rootKey = await makeUnproven(hsm, other?.name ?? '')
    await devices.kill(1)
    await assert.rejects(hsm.getPublicKey(rootKey.reference), { code: 'hsm_unavailable' })
    await assert.rejects(unwraps(hsm, rootKey.reference, wrapRandom(rootKey)), { code: 'hsm_unavailable' })
  })
})
