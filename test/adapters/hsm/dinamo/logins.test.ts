import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { KmsError } from '../../../../src/domain/errors.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import { USER } from '../../../support/simulator.ts'
import { unwraps, wrapRandom } from './load.ts'
import { Devices, makeRootKey, openOver, RecordedLog, until } from './support.ts'

const TIMEOUT = { timeout: 60_000 }
const GARBAGE_BLOCKS = 10_000

const isError =
  (code: 'hsm_unavailable' | 'hsm_busy') =>
  (error: unknown): true => {
    assert.ok(KmsError.is(error, code), String(error))
    return true
  }

suite('logins at the Dinamo HSM', TIMEOUT, () => {
  test('a refused one is not tried again in a loop, and the log names user and host', async (t) => {
    const devices = await Devices.start(t, 1)
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, { password: 'wrong', logger })
    const calls = await Promise.allSettled(Array.from({ length: 50 }, () => hsm.generateDataKey()))
    for (const call of calls) assert.ok(call.status === 'rejected' && isError('hsm_unavailable')(call.reason))
    await assert.rejects(hsm.generateDataKey(), isError('hsm_unavailable'))
    assert.equal(hsm.available, false)
    assert.equal(devices.at(0).stats.refusedLogins, 1)
    const [line, ...more] = logger.errors()
    assert.deepEqual(more, [])
    assert.equal(line?.fields.user, USER.username)
    assert.equal(line?.fields.host, devices.targets[0]?.name)
    assert.ok(Number(line?.fields.pauseMs) >= 30_000)
    assert.ok(!JSON.stringify(logger.lines).includes('wrong'))
  })

  test('a refusal while others work on stops the logins, not what is under way', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 1, { faults: plan })
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, { logger })
    const key = await hsm.generateDataKey()
    key[Symbol.dispose]()
    plan.always('verdict', { kind: 'error', code: 5002 })
    plan.next('key.export', { kind: 'late', ms: 300 })
    const calls = Array.from({ length: 16 }, () => hsm.generateDataKey())
    const outcomes = await Promise.allSettled(calls)
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'))
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') isError('hsm_unavailable')(outcome.reason)
      else outcome.value[Symbol.dispose]()
    }
    // Two may have been under way together.
    assert.ok(devices.at(0).stats.connections <= 3)
    assert.ok(logger.errors().length >= 1)
  })

  test('a host that refuses the login does not keep the other one from serving', async (t) => {
    const devices = await Devices.start(t, 2)
    await devices.kill(0)
    await devices.bringBack(0, { users: [{ ...USER, password: 'another' }] })
    const hsm = openOver(t, devices)
    for (let call = 0; call < 20; call++) (await hsm.generateDataKey())[Symbol.dispose]()
    assert.equal(hsm.available, true)
    assert.equal(devices.at(0).stats.refusedLogins, 1)
  })

  test('another certificate gets no byte of credentials', async (t) => {
    const devices = await Devices.start(t, 1)
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, {
      session: { certificateSha256: ['00'.repeat(32)] },
      logger,
      deadlineMs: 1_500,
    })
    await assert.rejects(hsm.generateDataKey(), isError('hsm_unavailable'))
    const { stats } = devices.at(0)
    assert.ok(stats.connections > 0)
    assert.equal(stats.applicationBytes, 0)
    assert.equal(logger.errors().length, 1)
    assert.match(String(logger.errors()[0]?.fields.problem), /certificate/)
  })

  test('a device without room for one more session is busy, not hostile', async (t) => {
    const devices = await Devices.start(t, 1, { maxSessions: 2 })
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    const answers = await Promise.all(
      Array.from({ length: 64 }, () => unwraps(hsm, rootKey.reference, wrapRandom(rootKey))),
    )
    assert.deepEqual(answers, Array(64).fill(true))
    assert.equal(hsm.available, true)
    assert.ok(devices.at(0).stats.logins <= 3)
    const wrapped = wrapRandom(rootKey)
    assert.ok(
      await unwraps(hsm, rootKey.reference, wrapped, true),
      'a fresh session takes the place of another',
    )
  })

  test('a device that is full from the start: hsm_busy, and served once there is room', async (t) => {
    const devices = await Devices.start(t, 1, { maxSessions: 1 })
    const other = openOver(t, devices)
    const key = await other.generateDataKey()
    key[Symbol.dispose]()
    const logger = new RecordedLog()
    const hsm = openOver(t, devices, { deadlineMs: 1_000, logger })
    await assert.rejects(hsm.generateDataKey(), isError('hsm_busy'))
    assert.deepEqual(
      logger.errors().map(({ fields }) => fields.reason),
      ['no-room'],
    )
    await other.close()
    await until(() => hsm.available, 'service')
    const own = await hsm.generateDataKey()
    own[Symbol.dispose]()
  })

  test('a session that the device cut for idleness is noticed, and costs no caller anything', async (t) => {
    const devices = await Devices.start(t, 1, { idleTimeoutMs: 100 })
    const hsm = openOver(t, devices)
    const rootKey = await makeRootKey(hsm)
    for (let round = 0; round < 3; round++) {
      await until(() => devices.at(0).sessions === 0, 'the cut')
      assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
    }
    assert.equal(hsm.available, true)
  })

  test('a session whose device has no room for more temporary keys is replaced, and nobody notices', async (t) => {
    const devices = await Devices.start(t, 1, { maxTemporaryKeys: 5 })
    const hsm = openOver(t, devices)
    for (let round = 0; round < 10; round++) {
      const keys = await Promise.all(Array.from({ length: 16 }, () => hsm.generateDataKey()))
      for (const key of keys) key[Symbol.dispose]()
    }
    assert.equal(hsm.available, true)
  })

  test('10,000 garbage blocks leave sessions and breakers as they were', async (t) => {
    const devices = await Devices.start(t, 1)
    const hsm = openOver(t, devices, { limits: { maxUses: 1_000_000 } })
    const rootKey = await makeRootKey(hsm)
    await Promise.all(Array.from({ length: 8 }, () => unwraps(hsm, rootKey.reference, wrapRandom(rootKey))))
    const { logins } = devices.at(0).stats
    let left = GARBAGE_BLOCKS
    const callers = Array.from({ length: 8 }, async () => {
      while (left-- > 0) {
        using opened = await hsm.unwrapDataKey(rootKey.reference, randomBytes(256))
        assert.equal(opened.length, 0)
      }
    })
    await Promise.all(callers)
    assert.equal(hsm.available, true)
    assert.ok(devices.at(0).stats.operations.dataUnenvelop > GARBAGE_BLOCKS)
    assert.ok(devices.at(0).stats.logins <= Math.max(8, logins))
    assert.ok(await unwraps(hsm, rootKey.reference, wrapRandom(rootKey)))
  })
})
