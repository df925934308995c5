import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import {
  type DinamoAnswer,
  type DinamoSession,
  openDinamoSession,
} from '../../../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { SessionError } from '../../../../../src/adapters/hsm/dinamo/session/session-error.ts'
import type { SecretBytes } from '../../../../../src/domain/secret-bytes.ts'
import { FaultPlan } from '../../../../../src/simulator/fault-plan.ts'
import { type Fault, STAGES } from '../../../../../src/simulator/faults.ts'
import { simulatorFor } from '../../../../support/simulator.ts'
import { openFor, optionsFor, secretOf, wrapped } from './support.ts'

const TIMEOUT = { timeout: 240_000 }
const RUNS = 60
/** Faults that end in a deadline cost this much; too little for a slow machine only means more errors. */
const DEADLINE_MS = 150

/** What may be taken for an answer. Two of them at the two answers to one question would be a bad token's. */
const LIKE_AN_ANSWER: readonly Fault[] = [
  { kind: 'surplus' },
  ...[0, 1, 3, 10].map((afterMs): Fault => ({ kind: 'unsolicited', afterMs })),
  ...[1, 200].map((bytes): Fault => ({ kind: 'oversize', bytes })),
  ...[5021, 5022].map((code): Fault => ({ kind: 'error', code })),
]

const FAULTS: readonly Fault[] = [
  ...LIKE_AN_ANSWER,
  { kind: 'silent' },
  { kind: 'fin' },
  { kind: 'rst' },
  { kind: 'close-notify' },
  ...[1, 4, 7, 8, 9, 20, 39].map((at): Fault => ({ kind: 'split', at })),
  { kind: 'merge' },
  ...[1, 7, 8, 20].map((bytes): Fault => ({ kind: 'short', bytes })),
  { kind: 'oversize', bytes: 20_000 },
  { kind: 'unknown-id' },
  ...[0, 8, 31, 33, 0xffffffff].map((length): Fault => ({ kind: 'lying-length', length })),
  ...[5, DEADLINE_MS * 2].map((ms): Fault => ({ kind: 'late', ms })),
  ...[5001, 5002, 5006].map((code): Fault => ({ kind: 'error', code })),
]

const OPERATIONS = ['dataKey', 'publicKeyOne', 'publicKeyOther', 'valueOne', 'valueOther', 'garbage'] as const
type OperationName = (typeof OPERATIONS)[number]

const Step = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  fault: fc.option(fc.record({ at: fc.constantFrom(...STAGES), fault: fc.constantFrom(...FAULTS) }), {
    freq: 2,
    nil: undefined,
  }),
  /** Which of two sessions carries it out. */
  on: fc.constantFrom(0, 1),
  together: fc.boolean(),
})

interface World {
  readonly one: KeyObject
  readonly other: KeyObject
}

const openedOf = (answer: DinamoAnswer): SecretBytes => {
  assert.ok(answer.kind === 'opened', `a good block is called ${answer.kind}`)
  return answer.bytes
}

/** Throws an AssertionError for an answer that is not this caller's own. */
const carryOut = async (
  session: DinamoSession,
  operation: OperationName,
  { one, other }: World,
  caller: number,
  dataKeys: Set<string>,
): Promise<void> => {
  switch (operation) {
    case 'dataKey': {
      using key = await session.makeDataKey(`key${caller}`)
      const hex = key.bytes.toString('hex')
      assert.ok(!dataKeys.has(hex), 'another caller’s data key')
      dataKeys.add(hex)
      return
    }
    case 'publicKeyOne':
    case 'publicKeyOther': {
      const [name, right] = operation === 'publicKeyOne' ? ['one', one] : ['other', other]
      assert.equal((await session.exportPublicKey(name as string))?.equals(right as KeyObject), true)
      return
    }
    case 'valueOne':
    case 'valueOther': {
      using value = secretOf(caller % 256)
      const [name, key] = operation === 'valueOne' ? (['one', one] as const) : (['other', other] as const)
      using opened = openedOf(await session.unwrap(name, wrapped(key, value)))
      assert.ok(opened.equals(value), 'another caller’s value')
      return
    }
    case 'garbage': {
      const answer = await session.unwrap('one', Buffer.alloc(256, 1))
      assert.ok(answer.kind !== 'opened' || answer.bytes.length !== 32, 'garbage gives somebody’s key')
    }
  }
}

const setUp = async (t: TestContext) => {
  const faults = new FaultPlan()
  const simulator = await simulatorFor(t, { faults })
  const session = await openFor(t, simulator)
  await session.createRootKey('one')
  await session.createRootKey('other')
  const [one, other] = [await session.exportPublicKey('one'), await session.exportPublicKey('other')]
  assert.ok(one && other)
  const deadlines = { connectTimeoutMs: DEADLINE_MS, operationTimeoutMs: DEADLINE_MS }
  const options = optionsFor(simulator.certificateSha256, deadlines)
  return { faults, world: { one, other }, open: () => openDinamoSession(simulator, options) }
}

suite('any interleaving of operations with any fault', TIMEOUT, () => {
  test('gives each caller its own right answer or an error', async (t) => {
    const { faults, world, open } = await setUp(t)
    const dataKeys = new Set<string>()
    let caller = 0
    let right = 0
    let failed = 0

    const attempt = async (sessions: (DinamoSession | undefined)[], operation: OperationName, on: number) => {
      try {
        const usable = sessions[on]?.usable === true ? sessions[on] : await open()
        sessions[on] = usable
        await carryOut(usable, operation, world, caller++, dataKeys)
        right++
      } catch (error) {
        // TypeError: the session was busy.
        if (!(error instanceof SessionError || error instanceof TypeError)) throw error
        failed++
      }
    }

    await fc.assert(
      fc.asyncProperty(fc.array(Step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const sessions: (DinamoSession | undefined)[] = []
        const underWay: Promise<void>[] = []
        let fooled = false
        for (const { operation, fault, on, together } of steps) {
          if (fault !== undefined && !(fooled && LIKE_AN_ANSWER.includes(fault.fault))) {
            faults.next(fault.at, fault.fault)
            fooled ||= LIKE_AN_ANSWER.includes(fault.fault)
          }
          underWay.push(attempt(sessions, operation, on))
          if (!together) await Promise.all(underWay)
        }
        try {
          await Promise.all(underWay)
        } finally {
          faults.clear()
          for (const session of sessions) session?.destroy()
        }
      }),
      { numRuns: RUNS },
    )
    assert.ok(right > RUNS, `only ${right} of ${right + failed} operations came to an answer`)
    assert.ok(failed > 0)
  })
})
