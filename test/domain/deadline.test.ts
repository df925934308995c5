import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadline, DeadlinePassed, withDeadline } from '../../src/domain/deadline.ts'
import { ManualTime } from '../adapters/hsm/sessions/support.ts'

test('a deadline counts down to nothing', async () => {
  const time = new ManualTime()
  const deadline = Deadline.after(100, time)
  assert.equal(deadline.remainingMs, 100)
  await time.advance(99)
  assert.equal(deadline.passed, false)
  await time.advance(2)
  assert.equal(deadline.passed, true)
  assert.equal(deadline.remainingMs, 0)
})

test('a deadline within another is the earlier of the two', () => {
  const deadline = Deadline.after(100, new ManualTime())
  assert.equal(deadline.within(50).remainingMs, 50)
  assert.equal(deadline.within(500).remainingMs, 100)
})

test('what settles in time is passed on', async () => {
  const deadline = Deadline.after(100, new ManualTime())
  assert.equal(await withDeadline(Promise.resolve(7), deadline, 'it'), 7)
  await assert.rejects(withDeadline(Promise.reject(new Error('own')), deadline, 'it'), /own/)
})

test('what comes late is discarded, once', async () => {
  const time = new ManualTime()
  const { promise, resolve } = Promise.withResolvers<string>()
  const discarded: string[] = []
  const waiting = withDeadline(promise, Deadline.after(100, time), 'the answer', (late) =>
    discarded.push(late),
  )
  const outcome = assert.rejects(
    waiting,
    (error) => error instanceof DeadlinePassed && /answer/.test(error.message),
  )
  await time.advance(100)
  await outcome
  assert.deepEqual(discarded, [])
  resolve('late')
  await time.advance(0)
  assert.deepEqual(discarded, ['late'])
})

test('what fails late disturbs nobody', async () => {
  const time = new ManualTime()
  const { promise, reject } = Promise.withResolvers<string>()
  const outcome = assert.rejects(withDeadline(promise, Deadline.after(1, time), 'it'), DeadlinePassed)
  await time.advance(1)
  reject(new Error('too late'))
  await outcome
})
