import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FaultPlan } from '../../src/simulator/fault-plan.ts'
import type { Fault } from '../../src/simulator/faults.ts'
import { Devices, until } from '../adapters/hsm/dinamo/support.ts'
import { ClientLoad } from './support/client-load.ts'
import { instanceOver } from './support/instance-over.ts'

const TIMEOUT = { timeout: 120_000 }
const MAX_SESSIONS = 4
const SETTINGS = {
  DINAMO_MAX_SESSIONS: String(MAX_SESSIONS),
  // Short, so that what is never answered ends soon; long enough for a busy machine.
  DINAMO_OPERATION_TIMEOUT_MS: '1000',
  DINAMO_CONNECT_TIMEOUT_MS: '2000',
}

const FAULTS: readonly Fault[] = [
  { kind: 'silent' },
  { kind: 'fin' },
  { kind: 'rst' },
  { kind: 'close-notify' },
  { kind: 'split', at: 8 },
  { kind: 'split', at: 20, delayMs: 10 },
  { kind: 'merge' },
  { kind: 'surplus' },
  { kind: 'unsolicited' },
  { kind: 'short', bytes: 7 },
  { kind: 'oversize', bytes: 20_000 },
  { kind: 'unknown-id' },
  { kind: 'lying-length', length: 0x7fffffff },
  { kind: 'late', ms: 100 },
  { kind: 'error', code: 5001 },
  { kind: 'error', code: 5006 },
]

const openConnections = (devices: Devices): number =>
  devices.all.reduce((sum, { stats }) => sum + stats.recent.filter(({ open }) => open).length, 0)

const strikes = (devices: Devices): number => devices.all.reduce((sum, { stats }) => sum + stats.faults, 0)

suite('2 % of the replies struck, under a load of 8 clients', TIMEOUT, () => {
  for (const { name, faults, at, strikesWanted, allowed } of [
    {
      name: 'by faults of every kind: nothing but 200 and 503, and never a wrong key',
      faults: FAULTS,
      at: 'reply',
      strikesWanted: 24,
      allowed: / (?:200|503)$/,
    },
    {
      name: 'by wrong key bytes: a token may look bad and a row altered, but no key is ever wrong',
      faults: [{ kind: 'wrong-key' }],
      at: 'dataUnenvelop',
      strikesWanted: 6,
      allowed: / (?:200|503)$|^decrypt 400$|^read 500$/,
    },
  ] as const) {
    test(name, async (t) => {
      const plan = new FaultPlan()
      const devices = await Devices.start(t, 2, { faults: plan })
      const instance = await instanceOver(t, devices, SETTINGS)
      const { url, child } = await instance.start()
      plan.rate(0.02, faults, Math.random, at)
      const load = new ClientLoad(url)
      await until(() => strikes(devices) >= strikesWanted, `${strikesWanted} faults`)
      plan.clear()
      await load.serve(8)
      await load.stop()
      for (const status of load.statuses.keys()) assert.match(status, allowed)
      await load.assertNothingLost()
      assert.equal(child.exitCode, null)
      await until(() => openConnections(devices) <= 2 * MAX_SESSIONS, 'the end of what was given up')
    })
  }
})
