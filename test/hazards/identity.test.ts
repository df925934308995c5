import assert from 'node:assert/strict'
import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream'
import { suite, test } from 'node:test'
import { eventually, failsWith, openFor, sessionFor } from '../adapters/hsm/dinamo/session/support.ts'
import { simulatorFor } from '../support/simulator.ts'

const TIMEOUT = { timeout: 60_000 }

suite('whoever the SDK would talk to must be the device', TIMEOUT, () => {
  test('impostor', async (t) => {
    const { simulator } = await sessionFor(t)
    const impostor = await simulatorFor(t)
    assert.notEqual(impostor.certificateSha256, simulator.certificateSha256)
    const { host, port } = impostor
    const target = { host, port, certificateSha256: simulator.certificateSha256 }
    await assert.rejects(openFor(t, target), failsWith('certificate'))
    await eventually('the impostor is left alone', () => impostor.stats.recent.every(({ open }) => !open))
    assert.equal(impostor.stats.connections, 1)
    assert.equal(impostor.stats.applicationBytes, 0)
  })

  test('pin', async (t) => {
    const simulator = await simulatorFor(t)
    const others = ['0'.repeat(64), simulator.certificateSha256, 'f'.repeat(64)]
    assert.ok((await openFor(t, simulator, { certificateSha256: others })).usable)
    await assert.rejects(openFor(t, simulator, { certificateSha256: [] }), failsWith('certificate'))
    const upper = simulator.certificateSha256.toUpperCase()
    await assert.rejects(openFor(t, simulator, { certificateSha256: [upper] }), failsWith('certificate'))
  })

  test('write-false', async (t) => {
    const before = getDefaultHighWaterMark(false)
    setDefaultHighWaterMark(false, 8)
    t.after(() => setDefaultHighWaterMark(false, before))
    const { session } = await sessionFor(t)
    using key = await session.makeDataKey('a')
    assert.equal(key.length, 32)
  })
})
