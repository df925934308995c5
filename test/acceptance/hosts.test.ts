import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Devices, until } from '../adapters/hsm/dinamo/support.ts'
import { ask } from '../durability/support/client.ts'
import { ClientLoad } from './support/client-load.ts'
import { instanceOver } from './support/instance-over.ts'

const TIMEOUT = { timeout: 120_000 }
const CLIENTS = 8
/** What the service promises, both for the answers while all hosts are down and for its return. */
const PROMISED_MS = 10_000
const DATA_KEY = { keyType: 'AES-256' }

suite('two HSM hosts under a load of 8 clients', TIMEOUT, () => {
  test('killing either and bringing it back fails no request', async (t) => {
    const devices = await Devices.start(t, 2)
    const instance = await instanceOver(t, devices)
    const { url } = await instance.start()
    const load = new ClientLoad(url, CLIENTS)
    await load.serve(40)
    for (const index of [0, 1, 0]) {
      await devices.kill(index)
      await load.serve(60)
      await devices.bringBack(index)
      await until(() => devices.at(index).stats.operations['key.export'] > 0, `host ${index} serves again`)
    }
    await load.stop()
    const failed = [...load.statuses.keys()].filter((name) => !name.endsWith(' 200'))
    assert.deepEqual(failed, [])
    await load.assertNothingLost()
  })

  test('with both dead every answer is 503 with Retry-After, and service returns by itself', async (t) => {
    const devices = await Devices.start(t, 2)
    const instance = await instanceOver(t, devices, { HSM_DEADLINE_MS: '3000' })
    const { url } = await instance.start()
    const load = new ClientLoad(url, CLIENTS)
    await load.serve(40)
    await Promise.all([devices.kill(0), devices.kill(1)])
    const answers = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const from = performance.now()
        const { status, headers } = await ask(url, '/generateDataKey', DATA_KEY)
        assert.ok(performance.now() - from < PROMISED_MS)
        return `${status} ${headers['retry-after'] === undefined ? 'at some time' : 'says when'}`
      }),
    )
    assert.deepEqual(new Set(answers), new Set(['503 says when']))
    const from = performance.now()
    await Promise.all([devices.bringBack(0), devices.bringBack(1)])
    await load.serve(1)
    assert.ok(performance.now() - from < PROMISED_MS)
    await load.serve(40)
    await load.stop()
    for (const name of load.statuses.keys()) assert.match(name, / (?:200|503)$/)
    await load.assertNothingLost()
  })
})
