import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { KmsError } from '../../../../src/domain/errors.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import type { Fault, FaultTarget } from '../../../../src/simulator/faults.ts'
import { unwraps, wrapRandom } from './load.ts'
import { Devices, makeRootKey, openOver } from './support.ts'

const RUNS = 60

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom<Fault>(
    { kind: 'silent' },
    { kind: 'fin' },
    { kind: 'rst' },
    { kind: 'close-notify' },
    { kind: 'merge' },
    { kind: 'surplus' },
    { kind: 'unknown-id' },
  ),
  fc.record({ kind: fc.constant('split' as const), at: fc.nat(40) }),
  fc.record({ kind: fc.constant('unsolicited' as const), afterMs: fc.nat(5) }),
  fc.record({ kind: fc.constant('short' as const), bytes: fc.nat(40) }),
  fc.record({ kind: fc.constant('oversize' as const), bytes: fc.nat(300) }),
  fc.record({ kind: fc.constant('lying-length' as const), length: fc.nat(300) }),
  fc.record({ kind: fc.constant('late' as const), ms: fc.nat(500) }),
  fc.record({ kind: fc.constant('error' as const), code: fc.constantFrom(5001, 5002, 5006, 5019, 5023) }),
)

const at: fc.Arbitrary<FaultTarget> = fc.constantFrom<FaultTarget>(
  'reply',
  'key.create',
  'key.export',
  'key.exportPublic',
  'dataUnenvelop',
)

const operation = fc.record({
  kind: fc.constantFrom('unwrap', 'garbage', 'data-key', 'public-key'),
  /** Which of the requests under way it joins. */
  wave: fc.nat(3),
})

test('any interleaving of operations with any fault gives each caller its own answer or an error', {
  timeout: 120_000,
}, async (t) => {
  const plan = new FaultPlan()
  const devices = await Devices.start(t, 2, { faults: plan })
  const hsm = openOver(t, devices, {
    session: { operationTimeoutMs: 300, connectTimeoutMs: 1_000 },
    deadlineMs: 4_000,
    maxSessions: 3,
  })
  const rootKey = await makeRootKey(hsm)
  const dataKeys = new Set<string>()
  const carryOut: Record<string, () => Promise<void>> = {
    // As a row is read: a frame that was sent unasked in one case may still arrive in the next.
    unwrap: async () => {
      for (const again of [false, true, true]) {
        if (await unwraps(hsm, rootKey.reference, wrapRandom(rootKey), again)) return
      }
      assert.fail('three answers in a row were wrong')
    },
    garbage: async () => {
      using opened = await hsm.unwrapDataKey(rootKey.reference, randomBytes(256))
      assert.equal(opened.length, 0)
    },
    'data-key': async () => {
      using key = await hsm.generateDataKey()
      const text = key.bytes.toString('hex')
      assert.equal(key.length, 32)
      assert.ok(!dataKeys.has(text), 'a data key was given twice')
      dataKeys.add(text)
    },
    'public-key': async () =>
      assert.equal((await hsm.getPublicKey(rootKey.reference))?.equals(rootKey.publicKey), true),
  }
  const orUnavailable = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!KmsError.is(error, 'hsm_unavailable', 'hsm_busy')) throw error
    }
  }

  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: 24 }),
      fc.array(fc.tuple(at, fault), { maxLength: 4 }),
      async (operations, faults) => {
        plan.clear()
        for (const [target, struck] of faults) plan.next(target, struck)
        for (let wave = 0; wave <= 3; wave++) {
          const together = operations.filter((each) => each.wave === wave)
          await Promise.all(
            together.map(({ kind }) => orUnavailable(() => carryOut[kind]?.() ?? assert.fail())),
          )
        }
      },
    ),
    { numRuns: RUNS },
  )
})
