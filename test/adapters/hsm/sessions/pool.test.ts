import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type Lease,
  POOL_LIMITS,
  type PoolLimits,
  SessionPool,
} from '../../../../src/adapters/hsm/sessions/pool.ts'
import { HostOutOfService, NoSessionFree } from '../../../../src/adapters/hsm/sessions/session.ts'
import { Deadline } from '../../../../src/domain/deadline.ts'
import { classifyFake, FakeDevice, FakeError, type FakeSession, ManualTime, settled } from './support.ts'

const LONG_MS = 60_000

const setUp = (limits: Partial<PoolLimits> = {}) => {
  const time = new ManualTime()
  const device = new FakeDevice()
  const pool = new SessionPool<FakeSession>({
    open: device.openSession,
    classify: classifyFake,
    limits: { ...POOL_LIMITS, ...limits },
    time,
  })
  const acquire = (options?: {
    readonly fresh?: boolean
    readonly ms?: number
  }): Promise<Lease<FakeSession>> => pool.acquire(Deadline.after(options?.ms ?? LONG_MS, time), options)
  const release = (...leases: readonly Lease<FakeSession>[]): void => {
    for (const lease of leases) lease[Symbol.dispose]()
  }
  return { time, device, pool, acquire, release }
}

suite('a session pool', () => {
  test('opens on demand, up to its limit, and lends each session to one caller', async () => {
    const { device, pool, acquire, release } = setUp({ maxSessions: 3 })
    const leases = await Promise.all([acquire(), acquire(), acquire()])
    assert.equal(new Set(leases.map(({ session }) => session)).size, 3)
    let got: Lease<FakeSession> | undefined
    const fourth = acquire().then((lease) => {
      got = lease
    })
    await settled()
    assert.equal(got, undefined)
    assert.deepEqual([device.attempts, pool.inUse, pool.queued], [3, 3, 1])
    release(leases[1] as Lease<FakeSession>)
    await fourth
    assert.equal((got as Lease<FakeSession> | undefined)?.session, leases[1]?.session)
  })

  test('lends the one used last first', async () => {
    const { acquire, release } = setUp()
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one, other)
    assert.equal((await acquire()).session, other.session)
    assert.equal((await acquire()).session, one.session)
  })

  test('takes a lease back once', async () => {
    const { pool, acquire, release } = setUp()
    const lease = await acquire()
    release(lease, lease)
    assert.deepEqual([pool.inUse, pool.idle], [0, 1])
  })

  test('serves the queue in its order', async () => {
    const { acquire, release } = setUp({ maxSessions: 1 })
    const first = await acquire()
    const order: number[] = []
    const others = [1, 2, 3].map((caller) =>
      acquire().then((lease) => {
        order.push(caller)
        release(lease)
      }),
    )
    release(first)
    await Promise.all(others)
    assert.deepEqual(order, [1, 2, 3])
  })

  test('turns callers away when the queue is full, and when they waited too long', async () => {
    const { time, acquire } = setUp({ maxSessions: 1, maxQueue: 2 })
    await acquire()
    const waiting = [acquire({ ms: 100 }), acquire({ ms: 200 })]
    await assert.rejects(acquire(), NoSessionFree)
    const outcomes = Promise.all(waiting.map((each) => assert.rejects(each, NoSessionFree)))
    await time.advance(200)
    await outcomes
  })

  test('closes a session after its last use', async () => {
    const { device, acquire, release } = setUp({ maxUses: 2 })
    for (let use = 0; use < 5; use++) release(await acquire())
    assert.deepEqual(
      device.sessions.map(({ ending }) => ending),
      ['closed', 'closed', 'open'],
    )
  })

  test('closes a session that is too old, given back or idle', async () => {
    const { time, device, acquire, release } = setUp({ maxAgeMs: 1_000, maxIdleMs: 10_000 })
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one)
    await time.advance(1_000)
    release(other)
    assert.equal(other.session.ending, 'closed')
    assert.notEqual((await acquire()).session, one.session)
    assert.equal(one.session.ending, 'closed')
    assert.equal(device.open, 1)
  })

  test('closes a session that nobody wants for too long', async () => {
    const { time, pool, acquire, release } = setUp()
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one, other)
    await time.advance(3 * 60_000)
    release(await acquire())
    await time.advance(60_000)
    assert.equal(one.session.ending, 'closed')
    assert.equal(other.session.ending, 'open')
    assert.equal(pool.idle, 1)
  })

  test('drops a session that died while it was idle, and one that is given back dead', async () => {
    const { device, acquire, release } = setUp()
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one)
    one.session.usable = false
    assert.notEqual((await acquire()).session, one.session)
    other.session.usable = false
    release(other)
    assert.equal(one.session.ending, 'destroyed')
    assert.equal(other.session.ending, 'destroyed')
    assert.equal(device.attempts, 3)
  })

  test('opens a fresh session for who asks for one, in the place of an idle one if it is full', async () => {
    const { pool, acquire, release } = setUp({ maxSessions: 2 })
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one, other)
    const fresh = await acquire({ fresh: true })
    assert.ok(fresh.session !== one.session && fresh.session !== other.session)
    assert.equal(one.session.ending, 'closed')
    const waiting = acquire({ fresh: true })
    await settled()
    assert.equal(other.session.ending, 'closed')
    const another = await waiting
    assert.ok(another.session !== other.session && another.session !== fresh.session)
    const last = acquire({ fresh: true })
    release(fresh)
    assert.notEqual((await last).session, fresh.session)
    assert.equal(pool.inUse, 2)
  })

  test('gives up one idle session for one fresh one, and lends the others meanwhile', async () => {
    const { pool, acquire, release } = setUp({ maxSessions: 4 })
    const leases = await Promise.all([acquire(), acquire(), acquire(), acquire()])
    const goodbye = Promise.withResolvers<void>()
    for (const { session } of leases) session.close = () => goodbye.promise
    release(...leases)
    const fresh = acquire({ fresh: true })
    const used = await Promise.all([acquire(), acquire()])
    assert.deepEqual([pool.inUse, pool.idle, pool.queued], [2, 1, 1])
    goodbye.resolve()
    await fresh
    assert.deepEqual([pool.inUse, pool.idle], [3, 1])
    release(...used)
  })

  test('gives up one idle session for a fresh one where the device has no room', async () => {
    const { device, pool, acquire, release } = setUp()
    const leases = await Promise.all([acquire(), acquire(), acquire()])
    release(...leases)
    device.refusal = 'no-room'
    const goodbye = Promise.withResolvers<void>()
    for (const { session } of leases) {
      session.close = async () => {
        await goodbye.promise
        device.refusal = undefined
      }
    }
    const fresh = acquire({ fresh: true })
    await settled()
    assert.deepEqual([device.attempts, pool.idle], [4, 2])
    goodbye.resolve()
    assert.ok(!leases.some(({ session }) => session === device.sessions[3]))
    assert.equal((await fresh).session, device.sessions[3])
    assert.equal(pool.idle, 2)
  })

  test('logs in twice at a time at most', async () => {
    const { device, acquire } = setUp()
    const gate = Promise.withResolvers<void>()
    device.gate = gate.promise
    const leases = Promise.all(Array.from({ length: 8 }, () => acquire()))
    await settled()
    assert.equal(device.attempts, 2)
    gate.resolve()
    await leases
    assert.equal(device.attempts, 8)
  })

  test('tells all who wait that none can be opened, if none is in use', async () => {
    const { device, acquire } = setUp()
    device.refusal = 'session'
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => acquire()))
    for (const outcome of outcomes)
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof FakeError)
    assert.ok(device.attempts <= 2)
  })

  test('goes on with what it has where the device has no room for more', async () => {
    const { time, device, acquire, release } = setUp({ noRoomPauseMs: 1_000 })
    const lease = await acquire()
    device.refusal = 'no-room'
    const waiting = acquire()
    await settled()
    assert.equal(device.attempts, 2)
    release(lease)
    const again = await waiting
    assert.equal(again.session, lease.session)
    device.refusal = undefined
    const later = acquire()
    await settled()
    assert.equal(device.attempts, 2)
    await time.advance(1_000)
    const further = acquire()
    await settled()
    assert.ok(device.attempts > 2)
    await Promise.all([later, further])
  })

  test('when retired turns away who waits, closes what is idle, and what is in use when it is given back', async () => {
    const { device, pool, acquire, release } = setUp({ maxSessions: 2 })
    const [inUse, idle] = await Promise.all([acquire(), acquire()])
    release(idle)
    const waiting = [acquire(), acquire()]
    const turnedAway = assert.rejects(waiting[1] as Promise<unknown>, HostOutOfService)
    await waiting[0]
    pool.retire('a test')
    await turnedAway
    assert.equal(inUse.session.ending, 'open')
    release(inUse)
    assert.equal(inUse.session.ending, 'closed')
    const next = await acquire()
    assert.equal(next.session, device.sessions.at(-1))
  })

  test('a session that was being opened when it was retired is lent to nobody', async () => {
    const { device, pool, acquire } = setUp()
    const gate = Promise.withResolvers<void>()
    device.gate = gate.promise
    const turnedAway = assert.rejects(acquire(), HostOutOfService)
    await settled()
    pool.retire('a test')
    await turnedAway
    device.gate = undefined
    const next = acquire()
    gate.resolve()
    const { session } = await next
    await settled()
    const old = device.sessions.find((each) => each !== session)
    assert.equal(old?.ending, 'closed')
  })

  test('an opening that fails after a retirement fails nobody who came after it', async () => {
    const { device, pool, acquire } = setUp({ maxOpening: 1 })
    const gate = Promise.withResolvers<void>()
    device.gate = gate.promise
    const turnedAway = assert.rejects(acquire(), HostOutOfService)
    await settled()
    pool.retire('a test')
    await turnedAway
    const next = acquire()
    device.refusal = 'session'
    gate.resolve()
    device.gate = settled().then(() => {
      device.refusal = undefined
    })
    assert.equal((await next).session.usable, true)
  })

  test('closes in order: idle ones at once, used ones when they are given back', async () => {
    const { time, pool, acquire, release } = setUp()
    const [one, other] = await Promise.all([acquire(), acquire()])
    release(one)
    let closed = false
    const closing = pool.close(Deadline.after(1_000, time)).then(() => {
      closed = true
    })
    await settled()
    assert.equal(one.session.ending, 'closed')
    assert.equal(closed, false)
    release(other)
    await closing
    assert.equal(other.session.ending, 'closed')
    await assert.rejects(acquire(), HostOutOfService)
  })

  test('destroys what is not given back by the deadline of its closing', async () => {
    const { time, pool, acquire } = setUp()
    const lease = await acquire()
    const closing = pool.close(Deadline.after(1_000, time))
    await time.advance(1_000)
    await closing
    assert.equal(lease.session.ending, 'destroyed')
  })

  test('does not wait for a goodbye longer than allowed', async () => {
    const { time, pool, acquire, release } = setUp({ closeTimeoutMs: 100 })
    const lease = await acquire()
    lease.session.close = () => new Promise(() => undefined)
    release(lease)
    const closing = pool.close(Deadline.after(1_000, time))
    await time.advance(100)
    await closing
    assert.equal(lease.session.ending, 'destroyed')
  })
})
