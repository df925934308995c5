import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HostGroup, type HostGroupOptions } from '../../../../src/adapters/hsm/sessions/host-group.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import type { Logger } from '../../../../src/ports/logger.port.ts'
import {
  classifyFake,
  FakeDevice,
  FakeError,
  type FakeSession,
  ManualTime,
  settled,
  silentLog,
} from './support.ts'

const setUp = (names: readonly string[] = ['a:1'], options: Partial<HostGroupOptions<FakeSession>> = {}) => {
  const time = new ManualTime()
  const devices = new Map(names.map((name) => [name, new FakeDevice(name)]))
  const device = (name: string): FakeDevice => devices.get(name) as FakeDevice
  const group = new HostGroup<FakeSession>({
    provider: 'fake',
    hosts: names,
    account: 'somebody',
    open: (host) => device(host).openSession(),
    classify: classifyFake,
    admit: async () => undefined,
    deadlineMs: 8_000,
    logger: silentLog,
    time,
    chance: () => 0,
    ...options,
  })
  const hostName = async (_session: FakeSession, host: string): Promise<string> => host
  return { time, device, group, hostName }
}

const fails = (kind: ConstructorParameters<typeof FakeError>[0]) => async (): Promise<never> => {
  throw new FakeError(kind)
}

const isError = (code: 'hsm_unavailable' | 'hsm_busy') => (error: unknown) => KmsError.is(error, code)

/** Three failures in a row. */
const breakHost = async (group: HostGroup<FakeSession>, time: ManualTime, host: string): Promise<void> => {
  const broken = assert.rejects(group.run('break', fails('session'), { only: [host], deadlineMs: 300 }))
  await time.advance(400)
  await broken
}

suite('a group of hosts', () => {
  test('asks nothing of any host before it is used', async () => {
    const { device, group } = setUp()
    await settled()
    assert.equal(device('a:1').attempts, 0)
    assert.equal(group.available, true)
  })

  test('sends each operation to the least loaded host', async () => {
    const { group, hostName } = setUp(['a:1', 'b:1'])
    await Promise.all([
      group.run('first', hostName, { only: ['a:1'] }),
      group.run('first', hostName, { only: ['b:1'] }),
    ])
    const { promise, resolve } = Promise.withResolvers<void>()
    const busy = group.run('long', () => promise, { only: ['a:1'] })
    await settled()
    assert.equal(await group.run('op', hostName), 'b:1')
    resolve()
    await busy
  })

  test('tries another host after a failure, each time on another session', async () => {
    const { group } = setUp(['a:1', 'b:1'])
    const seen: FakeSession[] = []
    const answer = await group.run('op', async (session, host) => {
      seen.push(session)
      if (seen.length < 2) throw new FakeError('session')
      return host
    })
    assert.equal(seen.length, 2)
    assert.notEqual(seen[0]?.host, seen[1]?.host)
    assert.equal(answer, seen[1]?.host)
    assert.equal(seen[0]?.ending, 'destroyed')
  })

  test('tries the only host again, after a pause', async () => {
    const { time, group } = setUp()
    let attempts = 0
    const answer = group.run('op', async () => {
      if (++attempts < 3) throw new FakeError('session')
      return 'done'
    })
    await settled()
    assert.equal(attempts, 1)
    await time.advance(100)
    assert.equal(await answer, 'done')
  })

  test('takes an answer as it is: no second try, no failure, the same session', async () => {
    const { device, group, hostName } = setUp(['a:1', 'b:1'])
    for (let call = 0; call < 10; call++) {
      await assert.rejects(group.run('op', fails('answer'), { only: ['a:1'] }), FakeError)
    }
    assert.equal(group.available, true)
    assert.equal(device('a:1').attempts, 1)
    assert.equal(await group.run('op', hostName, { only: ['a:1'] }), 'a:1')
  })

  test('passes on an error of this program, and destroys the session', async () => {
    const { device, group } = setUp()
    await assert.rejects(
      group.run('op', async () => {
        throw new TypeError('a slip')
      }),
      TypeError,
    )
    assert.equal(device('a:1').sessions[0]?.ending, 'destroyed')
  })

  test('ends by the deadline, with hsm_unavailable and the reason', async () => {
    const { time, group } = setUp()
    const outcome = assert.rejects(
      group.run('op', () => new Promise(() => undefined)),
      (error: KmsError) => isError('hsm_unavailable')(error) && /op took too long/.test(String(error.cause)),
    )
    await time.advance(8_000)
    await outcome
  })

  test('lets an operation whose caller left end by itself, and keeps its session', async () => {
    const { time, device, group } = setUp()
    const { promise, resolve } = Promise.withResolvers<string>()
    const discarded: string[] = []
    const outcome = assert.rejects(
      group.run('op', () => promise, { discard: (late) => discarded.push(late) }),
      isError('hsm_unavailable'),
    )
    await time.advance(8_000)
    await outcome
    resolve('late')
    await settled()
    assert.deepEqual(discarded, ['late'])
    assert.equal(device('a:1').open, 1)
    assert.equal(group.available, true)
  })

  test('says hsm_busy where too many wait, at once', async () => {
    const { group } = setUp(['a:1'], { limits: { maxSessions: 1, maxQueue: 1 } })
    const { promise, resolve } = Promise.withResolvers<void>()
    await group.run('first', async () => undefined)
    const working = [group.run('op', () => promise), group.run('op', () => promise)]
    await settled()
    await assert.rejects(
      group.run('op', () => promise),
      isError('hsm_busy'),
    )
    resolve()
    await Promise.all(working)
  })

  test('says hsm_busy to who waited too long for a session', async () => {
    const { time, group } = setUp(['a:1'], { limits: { maxSessions: 1 } })
    await group.run('first', async () => undefined)
    const endless = group.run('op', () => new Promise(() => undefined)).catch(() => undefined)
    await settled()
    const outcome = assert.rejects(
      group.run('op', async () => undefined),
      isError('hsm_busy'),
    )
    await time.advance(8_000)
    await outcome
    await endless
  })

  test('leaves a host alone after three failures, looks at it once per pause, and takes it back', async () => {
    const { time, device, group, hostName } = setUp(['a:1', 'b:1'])
    await group.run('first', hostName, { only: ['a:1'] })
    await breakHost(group, time, 'a:1')
    const { attempts } = device('a:1')
    device('a:1').refusal = 'session'
    for (let call = 0; call < 20; call++) assert.equal(await group.run('op', hostName), 'b:1')
    assert.equal(device('a:1').attempts, attempts)
    await time.advance(400)
    assert.equal(device('a:1').attempts, attempts + 1)
    await time.advance(60_000)
    assert.ok(device('a:1').attempts <= attempts + 20)
    device('a:1').refusal = undefined
    await time.advance(5_000)
    assert.equal(await group.run('op', hostName, { only: ['a:1'] }), 'a:1')
  })

  test('keeps no session of a host that went out of service', async () => {
    const { time, device, group } = setUp(['a:1'], { limits: { maxSessions: 4 } })
    await group.run('first', async () => undefined)
    const { promise, resolve } = Promise.withResolvers<void>()
    const working = [1, 2, 3, 4].map(() => group.run('op', () => promise))
    await settled()
    resolve()
    await Promise.all(working)
    assert.equal(device('a:1').open, 4)
    await breakHost(group, time, 'a:1')
    assert.equal(device('a:1').open, 0)
  })

  test('sends on who waited for a session of a host that went out of service', async () => {
    const { group, hostName } = setUp(['a:1', 'b:1'], { limits: { maxSessions: 1 } })
    await Promise.all([
      group.run('first', hostName, { only: ['a:1'] }),
      group.run('first', hostName, { only: ['b:1'] }),
    ])
    const { promise, reject } = Promise.withResolvers<never>()
    const broken = assert.rejects(group.run('op', () => promise, { only: ['a:1'], deadlineMs: 1_000 }))
    await settled()
    const waiting = group.run('op', hostName, { avoid: new Set(['b:1']) })
    await settled()
    reject(new FakeError('login-refused'))
    assert.equal(await waiting, 'b:1')
    await broken
  })

  test('with every host out of service waits for the next look, if it comes in time', async () => {
    const { time, device, group, hostName } = setUp()
    await group.run('first', hostName)
    device('a:1').refusal = 'session'
    await breakHost(group, time, 'a:1')
    assert.equal(group.available, false)
    const waiting = group.run('op', hostName)
    device('a:1').refusal = undefined
    await time.advance(5_000)
    assert.equal(await waiting, 'a:1')
    assert.equal(group.available, true)
  })

  test('fails at once where no look comes in time', async () => {
    const { group, device } = setUp()
    device('a:1').refusal = 'login-refused'
    await assert.rejects(
      group.run('op', async () => undefined),
      isError('hsm_unavailable'),
    )
    await assert.rejects(
      group.run('op', async () => undefined),
      isError('hsm_unavailable'),
    )
    assert.equal(device('a:1').attempts, 1)
  })

  test('tries a refused login again after 30 seconds, then after a minute, and logs each refusal', async () => {
    const lines: Readonly<Record<string, unknown>>[] = []
    const logger: Logger = { ...silentLog, error: (fields) => void lines.push(fields) }
    const { time, group, device } = setUp(['a:1'], { logger })
    device('a:1').refusal = 'login-refused'
    await assert.rejects(group.run('op', async () => undefined))
    await time.advance(29_999)
    assert.equal(device('a:1').attempts, 1)
    await time.advance(1)
    assert.equal(device('a:1').attempts, 2)
    await time.advance(59_999)
    assert.equal(device('a:1').attempts, 2)
    await time.advance(1)
    assert.equal(device('a:1').attempts, 3)
    assert.equal(lines.length, 3)
    for (const { user, host } of lines) assert.deepEqual([user, host], ['somebody', 'a:1'])
  })

  test('logs an outage once, and its end', async () => {
    const lines: string[] = []
    const logger: Logger = {
      ...silentLog,
      error: (_fields, text) => void lines.push(text),
      info: (_fields, text) => void lines.push(text),
    }
    const { time, group, device } = setUp(['a:1'], { logger })
    device('a:1').refusal = 'session'
    const outcome = assert.rejects(group.run('op', async () => undefined))
    await time.advance(60_000)
    await outcome
    device('a:1').refusal = undefined
    await time.advance(10_000)
    assert.deepEqual(lines, ['the HSM host is out of service', 'the HSM host is back in service'])
  })

  test('has every host show what is asked for before it serves, and again when told so', async () => {
    let flaw: string | undefined = 'not yet'
    const asked: string[] = []
    const { time, group, hostName } = setUp(['a:1', 'b:1'], {
      admit: async (_session, host) => {
        asked.push(host)
        return host === 'b:1' ? flaw : undefined
      },
    })
    for (let call = 0; call < 5; call++) assert.equal(await group.run('op', hostName), 'a:1')
    assert.deepEqual(asked.toSorted(), ['a:1', 'b:1'])
    assert.equal(group.problemOf('b:1'), 'not yet')
    flaw = undefined
    await time.advance(5_000)
    assert.equal(await group.run('op', hostName, { only: ['b:1'] }), 'b:1')
    group.readmitAllBut(new Set(['a:1']))
    await settled()
    assert.deepEqual(asked.slice(2).toSorted(), ['b:1', 'b:1'])
  })

  test('a look that began before it was told to look again does not count', async () => {
    let flaw: string | undefined
    const gate = Promise.withResolvers<void>()
    let looks = 0
    const { group, hostName } = setUp(['a:1'], {
      admit: async () => {
        const seen = flaw
        if (++looks === 1) await gate.promise
        return seen
      },
    })
    const waiting = assert.rejects(
      group.run('op', hostName, { deadlineMs: 1_000 }),
      isError('hsm_unavailable'),
    )
    await settled()
    flaw = 'a new demand'
    group.readmitAllBut(new Set())
    gate.resolve()
    await waiting
    assert.equal(looks, 2)
    assert.equal(group.problemOf('a:1'), 'a new demand')
  })

  test('prefers another host than those to avoid', async () => {
    const { group, hostName } = setUp(['a:1', 'b:1'])
    await Promise.all([
      group.run('first', hostName, { only: ['a:1'] }),
      group.run('first', hostName, { only: ['b:1'] }),
    ])
    assert.equal(await group.run('op', hostName, { avoid: new Set(['a:1']) }), 'b:1')
    assert.equal(await group.run('op', hostName, { avoid: new Set(['b:1']) }), 'a:1')
    assert.ok(await group.run('op', hostName, { avoid: new Set(['a:1', 'b:1']) }))
  })

  test('when closed ends every session and refuses what comes', async () => {
    const { device, group, hostName } = setUp(['a:1', 'b:1'])
    await Promise.all([
      group.run('first', hostName, { only: ['a:1'] }),
      group.run('first', hostName, { only: ['b:1'] }),
    ])
    await group.close()
    await group.close()
    assert.equal(device('a:1').open + device('b:1').open, 0)
    assert.equal(group.available, false)
    await assert.rejects(group.run('op', hostName), isError('hsm_unavailable'))
  })
})
