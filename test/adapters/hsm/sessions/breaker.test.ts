import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Breaker, type OutOfServiceReason } from '../../../../src/adapters/hsm/sessions/breaker.ts'
import { ManualTime } from './support.ts'

const breaker = (chance = 0): { breaker: Breaker; time: ManualTime } => {
  const time = new ManualTime()
  return { time, breaker: new Breaker({ time, chance: () => chance }) }
}

const pauses = (reason: OutOfServiceReason, count: number, chance = 0): readonly number[] => {
  const { breaker: one } = breaker(chance)
  return Array.from({ length: count }, () => one.open(reason))
}

suite('a breaker', () => {
  test('is due to open after three failures in a row, and an answer starts the count anew', () => {
    const { breaker: one } = breaker()
    assert.deepEqual([one.failed(), one.failed()], [false, false])
    one.answered()
    assert.deepEqual([one.failed(), one.failed(), one.failed()], [false, false, true])
    assert.equal(one.state, 'closed')
  })

  test('is due no second time while it is open, by failures that were under way', () => {
    const { breaker: one } = breaker()
    one.open('failures')
    assert.deepEqual([one.failed(), one.failed(), one.failed(), one.failed()], [false, false, false, false])
    one.answered()
    assert.equal(one.state, 'open')
  })

  test('says when the next probe may begin', async () => {
    const { breaker: one, time } = breaker()
    assert.equal(one.probeInMs, 0)
    one.open('failures')
    assert.equal(one.probeInMs, 500)
    await time.advance(500)
    assert.equal(one.probeInMs, 0)
    one.halfOpen()
    assert.equal(one.state, 'half-open')
    one.close()
    assert.equal(one.state, 'closed')
    assert.equal(one.reason, undefined)
  })

  test('waits longer from probe to probe, half a second to five at most, and short again after it closed', () => {
    assert.deepEqual(pauses('failures', 6), [500, 1_000, 2_000, 4_000, 4_000, 4_000])
    assert.deepEqual(
      pauses('failures', 5, 0.999).map((pause) => Math.round(pause)),
      [625, 1_250, 2_500, 4_999, 4_999],
    )
    const { breaker: one } = breaker()
    one.open('failures')
    one.open('failures')
    one.close()
    assert.equal(one.open('failures'), 500)
  })

  test('leaves a host that refused the login alone for half a minute, and up to five', () => {
    assert.deepEqual(pauses('login-refused', 5), [30_000, 60_000, 120_000, 240_000, 240_000])
    assert.ok(pauses('login-refused', 50, 1).every((pause) => pause <= 300_000))
  })

  test('counts each reason by itself', () => {
    const { breaker: one } = breaker()
    one.open('failures')
    one.open('failures')
    assert.equal(one.open('login-refused'), 30_000)
    assert.equal(one.reason, 'login-refused')
    assert.equal(one.open('failures'), 500)
  })
})
