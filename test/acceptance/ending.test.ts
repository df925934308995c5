import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import { Devices, until } from '../adapters/hsm/dinamo/support.ts'
import { ask } from '../durability/support/client.ts'
import { instanceOver } from './support/instance-over.ts'

const TIMEOUT = { timeout: 60_000 }
const REQUESTS = 8

suite('SIGTERM', TIMEOUT, () => {
  test('lets every request under way end with its answer, then the process with 0', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 2, { faults: plan })
    const instance = await instanceOver(t, devices)
    const service = await instance.start()
    const created = (): number =>
      devices.all.reduce((sum, { stats }) => sum + stats.operations['key.create'], 0)
    const before = created()
    plan.always('key.export', { kind: 'late', ms: 1_000 })
    const answers = Array.from({ length: REQUESTS }, () =>
      ask(service.url, '/generateDataKey', { keyType: 'AES-256' }),
    )
    await until(() => created() === before + REQUESTS, 'all requests at the HSM')
    assert.equal(await service.stop(), 0)
    for (const { status, headers } of await Promise.all(answers)) {
      assert.equal(status, 200)
      assert.equal(headers.connection, 'close')
    }
    await until(() => devices.all.every(({ sessions }) => sessions === 0), 'the end of every session')
    await assert.rejects(ask(service.url, '/generateDataKey', { keyType: 'AES-256' }), {
      code: 'ECONNREFUSED',
    })
  })
})
