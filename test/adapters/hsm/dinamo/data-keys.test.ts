import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import type { FaultSource } from '../../../../src/simulator/faults.ts'
import { Devices, openOver, until } from './support.ts'

const TIMEOUT = { timeout: 60_000 }

suite('a data key', TIMEOUT, () => {
  test('is tried again under a new name, each of 32 hexadecimal digits', async (t) => {
    const names: string[] = []
    const plan = new FaultPlan()
    const faults: FaultSource = {
      pick: (message) => {
        if (message.stage === 'request' && message.operation === 'key.create') names.push(message.key ?? '')
        return plan.pick(message)
      },
    }
    const hsm = openOver(t, await Devices.start(t, 1, { faults }))
    plan.next('key.create', { kind: 'rst' }).next('key.export', { kind: 'fin' })
    using key = await hsm.generateDataKey()
    assert.equal(key.length, 32)
    assert.equal(names.length, 3)
    assert.equal(new Set(names).size, 3)
    for (const name of names) assert.match(name, /^[0-9a-f]{32}$/)
  })

  test('that comes after its caller left is wiped', async (t) => {
    const plan = new FaultPlan()
    const devices = await Devices.start(t, 1, { faults: plan })
    const hsm = openOver(t, devices, { deadlineMs: 300 })
    using warm = await hsm.generateDataKey()
    assert.equal(warm.length, 32)
    const made: SecretBytes[] = []
    const copyOf = t.mock.method(SecretBytes, 'copyOf')
    plan.next('key.export', { kind: 'late', ms: 600 })
    await assert.rejects(hsm.generateDataKey(), { code: 'hsm_unavailable' })
    await until(() => {
      made.push(...copyOf.mock.calls.flatMap(({ result }) => (result === undefined ? [] : [result])))
      return made.length > 0
    }, 'the late key')
    await until(() => made.every(isDisposed), 'its disposal')
    assert.equal(hsm.available, true)
  })
})

const isDisposed = (secret: SecretBytes): boolean => {
  try {
    return secret.length < 0
  } catch {
    return true
  }
}
