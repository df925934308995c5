import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { KmsError } from '../../../../src/domain/errors.ts'
import { Devices, makeRootKey, openOver, RecordedLog } from './support.ts'

/** An answer that is no data key is asked for twice, on each host. */
const ROUNDS = 2

suite('a root key in use that no Dinamo host has any more', { timeout: 60_000 }, () => {
  test('is the HSM’s loss: unavailable at once, with an error that names it and the hosts', async (t) => {
    const logger = new RecordedLog()
    const devices = await Devices.start(t, 2)
    const hsm = openOver(t, devices, { logger })
    const { reference } = await makeRootKey(hsm)
    const asked = () => devices.all.map(({ stats }) => stats.operations.dataUnenvelop)
    const before = asked()
    const lost = { ...reference, id: 'lost'.padEnd(32, 'x') }
    await assert.rejects(hsm.unwrapDataKey(lost, randomBytes(256)), (error) => {
      assert.ok(KmsError.is(error, 'hsm_unavailable'), String(error))
      assert.ok(!error.message.includes(lost.id))
      return true
    })
    assert.deepEqual(
      asked().map((count, host) => count - (before[host] ?? 0)),
      [ROUNDS, ROUNDS],
    )
    const hosts = devices.targets.map(({ name }) => name)
    assert.deepEqual(
      logger.errors().map(({ fields }) => fields),
      [{ hosts, rootKey: lost.id }],
    )
    assert.equal(hsm.available, true)
  })
})
