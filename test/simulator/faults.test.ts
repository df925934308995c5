import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import type { Fault } from '../../src/simulator/faults.ts'
import {
  createKeyBytes,
  errorReply,
  exportKeyBytes,
  HELLO,
  LOGIN_REQUEST,
  OK,
  RawClient,
  simulatorFor,
} from '../support/simulator.ts'

const TIMEOUT = { timeout: 20_000 }

/** A client that is logged in and has made the key `k`; what its export gives where nothing goes wrong. */
const clientWithKey = async (t: TestContext) => {
  const faults = new FaultPlan()
  const simulator = await simulatorFor(t, { faults })
  const client = await RawClient.login(t, simulator)
  await client.request(createKeyBytes('k'))
  const right = await client.request(exportKeyBytes('k'))
  assert.equal(right.length, 40)
  return { faults, simulator, client, right }
}

/** Strikes the reply to one export of `k`. */
const strikeExport = async (t: TestContext, fault: Fault) => {
  const setup = await clientWithKey(t)
  setup.faults.next('key.export', fault)
  setup.client.write(exportKeyBytes('k'))
  return setup
}

/** Sends one more request that must be answered as if nothing had been. */
const assertUsable = async (client: RawClient, right: Buffer): Promise<void> => {
  assert.deepEqual(await client.request(exportKeyBytes('k')), right)
}

suite('a fault at a reply', TIMEOUT, () => {
  test('silent: the reply never comes, the next one does', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'silent' })
    client.write(createKeyBytes('next'))
    assert.deepEqual(await client.record(), OK)
    await assertUsable(client, right)
  })

  test('fin: the connection ends without a word of TLS, and with it the session', async (t) => {
    const { client, simulator } = await clientWithKey(t).then((setup) => {
      setup.faults.next('key.export', { kind: 'fin' })
      return setup
    })
    const before = client.raw.bytesRead
    client.write(exportKeyBytes('k'))
    assert.equal(await client.ending(), 'fin')
    assert.equal(client.raw.bytesRead, before)
    await simulator.close()
    assert.equal(simulator.sessions, 0)
  })

  test('close-notify: the connection ends with an alert', async (t) => {
    const { client, faults } = await clientWithKey(t)
    faults.next('key.export', { kind: 'close-notify' })
    const before = client.raw.bytesRead
    client.write(exportKeyBytes('k'))
    assert.equal(await client.ending(), 'fin')
    assert.ok(client.raw.bytesRead > before)
  })

  test('rst: the connection is reset', async (t) => {
    const { client } = await strikeExport(t, { kind: 'rst' })
    assert.equal(await client.ending(), 'rst')
  })

  for (const at of [0, 1, 8, 18, 39, 40, 100]) {
    test(`split at ${at}: the same bytes in two records, where there are two`, async (t) => {
      const { client, right } = await strikeExport(t, { kind: 'split', at })
      if (at > 0 && at < 40) assert.deepEqual(await client.record(), right.subarray(0, at))
      assert.deepEqual(await client.record(), at < 40 ? right.subarray(at) : right)
      await assertUsable(client, right)
    })
  }

  test('split with a delay: the second record is late', async (t) => {
    const { client, right } = await clientWithKey(t).then((setup) => {
      setup.faults.next('key.export', { kind: 'split', at: 8, delayMs: 40 })
      return setup
    })
    client.write(exportKeyBytes('k'))
    assert.deepEqual(await client.record(), right.subarray(0, 8))
    const between = performance.now()
    assert.deepEqual(await client.record(), right.subarray(8))
    assert.ok(performance.now() - between >= 30)
  })

  test('merge: an OK frame follows in the same record', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'merge' })
    assert.deepEqual(await client.record(), Buffer.concat([right, OK]))
    await assertUsable(client, right)
  })

  test('surplus: an OK frame follows in the next record', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'surplus' })
    assert.deepEqual(await client.record(), right)
    assert.deepEqual(await client.record(), OK)
    await assertUsable(client, right)
  })

  test('unsolicited: an OK frame comes while nothing is asked, later', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'unsolicited', afterMs: 30 })
    assert.deepEqual(await client.record(), right)
    await assertUsable(client, right)
    assert.deepEqual(await client.record(), OK)
    await assertUsable(client, right)
  })

  for (const bytes of [1, 7, 8, 39]) {
    test(`short: only ${bytes} bytes come`, async (t) => {
      const { client, right } = await strikeExport(t, { kind: 'short', bytes })
      assert.deepEqual(await client.record(), right.subarray(0, bytes))
      await assertUsable(client, right)
    })
  }

  test('oversize: the payload is longer, and the header says so', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'oversize', bytes: 5 })
    const record = await client.record()
    assert.equal(record.length, 45)
    assert.equal(record.readUInt32LE(4), 37)
    assert.deepEqual(record.subarray(8, 40), right.subarray(8))
    await assertUsable(client, right)
  })

  test('unknown-id: another id over the same payload', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'unknown-id' })
    const record = await client.record()
    assert.equal(record.readUInt32LE(0), 12_345_678)
    assert.deepEqual(record.subarray(4), right.subarray(4))
    await assertUsable(client, right)
  })

  test('unknown-id: the given id', async (t) => {
    const { client } = await strikeExport(t, { kind: 'unknown-id', id: 0xfffffffb })
    assert.equal((await client.record()).readUInt32LE(0), 0xfffffffb)
  })

  test('lying-length: the header gives another length', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'lying-length', length: 31 })
    const record = await client.record()
    assert.equal(record.readUInt32LE(4), 31)
    assert.deepEqual(record.subarray(8), right.subarray(8))
    await assertUsable(client, right)
  })

  test('late: the reply comes after the time, and what was asked meanwhile after it', async (t) => {
    const { client, right, faults } = await clientWithKey(t)
    faults.next('key.export', { kind: 'late', ms: 40 })
    const asked = performance.now()
    client.write(exportKeyBytes('k'))
    client.write(createKeyBytes('meanwhile'))
    assert.deepEqual(await client.record(), right)
    assert.ok(performance.now() - asked >= 30)
    assert.deepEqual(await client.record(), OK)
  })

  test('late: a client that leaves meanwhile is noticed at once', async (t) => {
    const { client, simulator, faults } = await clientWithKey(t)
    faults.next('key.export', { kind: 'late', ms: 600_000 })
    client.write(exportKeyBytes('k'))
    client.raw.destroy()
    while (simulator.sessions > 0) await new Promise(setImmediate)
  })

  test('wrong-key: as many bytes, none of them right', async (t) => {
    const { client, right } = await strikeExport(t, { kind: 'wrong-key' })
    const record = await client.record()
    assert.deepEqual(record.subarray(0, 8), right.subarray(0, 8))
    assert.equal(record.length, right.length)
    assert.ok(record.subarray(8).every((byte, i) => byte !== right[8 + i]))
    await assertUsable(client, right)
  })

  test('error: an error reply instead, though the key was made', async (t) => {
    const { client, faults, simulator } = await clientWithKey(t)
    faults.next('key.create', { kind: 'error', code: 5006 })
    assert.deepEqual(await client.request(createKeyBytes('made')), errorReply(5006))
    assert.equal((await client.request(exportKeyBytes('made'))).length, 40)
    assert.equal(simulator.stats.faults, 1)
  })
})

suite('a fault at a request', TIMEOUT, () => {
  test('keeps it from being carried out', async (t) => {
    for (const fault of [{ kind: 'silent' }, { kind: 'error', code: 5006 }] as const) {
      const { client, faults } = await clientWithKey(t)
      faults.next({ stage: 'request', operation: 'key.create' }, fault)
      client.write(createKeyBytes('never'))
      if (fault.kind === 'error') assert.deepEqual(await client.record(), errorReply(5006))
      assert.deepEqual(await client.request(exportKeyBytes('never')), errorReply(5004))
    }
  })

  test('that ends the connection leaves no permanent key behind', async (t) => {
    for (const [kind, ending] of [
      ['fin', 'fin'],
      ['rst', 'rst'],
      ['close-notify', 'fin'],
    ] as const) {
      const { client, faults, simulator } = await clientWithKey(t)
      faults.next({ stage: 'request', operation: 'key.create', key: 'root' }, { kind })
      client.write(createKeyBytes('kms/root', 9, 1))
      assert.equal(await client.ending(), ending)
      const next = await RawClient.login(t, simulator)
      assert.deepEqual(await next.request(exportKeyBytes('root')), errorReply(5004))
    }
  })

  test('that is late only delays it', async (t) => {
    const { client, faults } = await clientWithKey(t)
    faults.next('request', { kind: 'late', ms: 40 })
    const asked = performance.now()
    assert.deepEqual(await client.request(createKeyBytes('late')), OK)
    assert.ok(performance.now() - asked >= 30)
  })
})

suite('a fault before the login is through', TIMEOUT, () => {
  type Early = 'ack' | 'tls' | 'challenge' | 'verdict'
  const STAGES: readonly Early[] = ['ack', 'tls', 'challenge', 'verdict']

  /** A client that has sent what the message of the stage answers. */
  const reach = async (t: TestContext, stage: Early, fault: Fault) => {
    const faults = new FaultPlan().next(stage, fault)
    const simulator = await simulatorFor(t, { faults })
    const client = await RawClient.connect(t, simulator)
    client.write(HELLO)
    if (stage === 'ack') return { client, simulator, faults }
    await client.record()
    if (stage === 'tls') return { client, simulator, faults }
    await client.startTls()
    client.write(LOGIN_REQUEST)
    if (stage === 'verdict') client.prove((await client.record()).subarray(8))
    return { client, simulator, faults }
  }

  for (const stage of STAGES) {
    for (const kind of ['rst', 'fin', 'close-notify'] as const) {
      test(`${kind} at the ${stage}`, async (t) => {
        const { client, simulator, faults } = await reach(t, stage, { kind })
        assert.equal(await client.ending(), kind === 'rst' ? 'rst' : 'fin')
        assert.equal(faults.pending, 0)
        assert.equal(simulator.stats.faults, 1)
        if (stage === 'ack' || stage === 'tls') assert.equal(simulator.stats.applicationBytes, 0)
        await RawClient.login(t, simulator)
      })
    }
  }

  test('silent at the ack and at TLS: nothing comes until the handshake takes too long', async (t) => {
    for (const stage of ['ack', 'tls'] as const) {
      const faults = new FaultPlan().next(stage, { kind: 'silent' })
      const simulator = await simulatorFor(t, { faults, handshakeTimeoutMs: 50 })
      const client = await RawClient.connect(t, simulator)
      client.write(HELLO)
      if (stage === 'tls') await client.record()
      assert.equal(await client.ending(), 'fin')
    }
  })

  test('silent at the ack: a client that leaves is noticed at once', async (t) => {
    const { client, simulator } = await reach(t, 'ack', { kind: 'silent' })
    client.raw.destroy()
    while (simulator.stats.recent[0]?.open !== false) await new Promise(setImmediate)
  })

  test('silent at the challenge: the proof is still taken, and answered', async (t) => {
    const { client } = await reach(t, 'challenge', { kind: 'silent' })
    client.prove(Buffer.alloc(16))
    assert.deepEqual(await client.record(), errorReply(5002))
  })

  test('silent at the verdict: the session is open without the client knowing', async (t) => {
    const { client, simulator } = await reach(t, 'verdict', { kind: 'silent' })
    assert.deepEqual(await client.request(createKeyBytes('k')), OK)
    assert.equal(simulator.sessions, 1)
  })

  test('split, short, oversize, merge and unknown-id at the ack, in plain TCP', async (t) => {
    const ack = Buffer.from('544e4b4f', 'hex')
    const received = async (fault: Fault, segments: number): Promise<Buffer[]> => {
      const { client } = await reach(t, 'ack', fault)
      const found: Buffer[] = []
      for (let i = 0; i < segments; i++) found.push(await client.record())
      return found
    }
    assert.deepEqual(await received({ kind: 'split', at: 2 }, 2), [ack.subarray(0, 2), ack.subarray(2)])
    assert.deepEqual(await received({ kind: 'short', bytes: 3 }, 1), [ack.subarray(0, 3)])
    assert.deepEqual(await received({ kind: 'oversize', bytes: 2 }, 1), [
      Buffer.concat([ack, Buffer.alloc(2)]),
    ])
    assert.deepEqual(await received({ kind: 'merge' }, 1), [Buffer.concat([ack, OK])])
    assert.deepEqual(await received({ kind: 'unknown-id', id: 1 }, 1), [Buffer.from('01000000', 'hex')])
    assert.deepEqual(await received({ kind: 'error', code: 5006 }, 1), [errorReply(5006)])
  })

  test('an error at TLS is plain bytes where TLS belongs', async (t) => {
    const { client } = await reach(t, 'tls', { kind: 'error', code: 1 })
    assert.deepEqual(await client.record(), errorReply(1))
  })

  test('late at TLS only delays the handshake', async (t) => {
    const started = performance.now()
    const { client } = await reach(t, 'tls', { kind: 'late', ms: 40 })
    await client.startTls()
    assert.ok(performance.now() - started >= 30)
    assert.deepEqual(await client.authenticate(), OK)
  })

  test('a challenge in two records, and one with a wrong length word', async (t) => {
    const split = await reach(t, 'challenge', { kind: 'split', at: 8 })
    assert.equal((await split.client.record()).length, 8)
    split.client.prove(await split.client.record())
    assert.deepEqual(await split.client.record(), OK)
    const lying = await reach(t, 'challenge', { kind: 'lying-length', length: 99 })
    const challenge = await lying.client.record()
    assert.equal(challenge.readUInt32LE(4), 99)
    lying.client.prove(challenge.subarray(8))
    assert.deepEqual(await lying.client.record(), OK)
  })

  test('an error at the verdict though the login was good', async (t) => {
    const { client } = await reach(t, 'verdict', { kind: 'error', code: 5002 })
    assert.deepEqual(await client.record(), errorReply(5002))
  })
})
