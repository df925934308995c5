import { readFileSync, statSync } from 'node:fs'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { FaultPlan } from './fault-plan.ts'
import { type Fault, FaultSchema, type FaultSource, FaultTargetSchema, type Message } from './faults.ts'

const CHECK_EVERY_MS = 200
const MAX_BYTES = 1_048_576

const FaultFileSchema = Type.Object(
  {
    next: Type.Optional(
      Type.Array(
        Type.Object({
          at: FaultTargetSchema,
          fault: FaultSchema,
          times: Type.Optional(Type.Integer({ minimum: 1 })),
        }),
      ),
    ),
    always: Type.Optional(Type.Array(Type.Object({ at: FaultTargetSchema, fault: FaultSchema }))),
    rate: Type.Optional(
      Type.Object({
        probability: Type.Number({ minimum: 0, maximum: 1 }),
        faults: Type.Array(FaultSchema, { minItems: 1 }),
        at: Type.Optional(FaultTargetSchema),
      }),
    ),
  },
  { additionalProperties: false },
)

const toPlan = ({ next = [], always = [], rate }: Static<typeof FaultFileSchema>): FaultPlan => {
  const plan = new FaultPlan()
  for (const { at, fault, times } of next) plan.next(at, fault, times)
  for (const { at, fault } of always) plan.always(at, fault)
  if (rate !== undefined) plan.rate(rate.probability, rate.faults, Math.random, rate.at)
  return plan
}

const parsePlan = (text: string): FaultPlan => {
  const value: unknown = JSON.parse(text)
  if (Value.Check(FaultFileSchema, value)) return toPlan(value)
  const path = Value.Errors(FaultFileSchema, value).First()?.path ?? ''
  throw new Error(`not a fault plan at ${path === '' ? '/' : path}`)
}

/**
 * A fault plan in a JSON file that is read again when it changes:
 *
 *     { "next":   [{ "at": "key.create", "fault": { "kind": "silent" }, "times": 1 }],
 *       "always": [{ "at": { "stage": "reply", "key": "k1" }, "fault": { "kind": "late", "ms": 50 } }],
 *       "rate":   { "probability": 0.01, "faults": [{ "kind": "rst" }], "at": "reply" } }
 *
 * No file is no faults. A file that is malformed is logged and changes nothing.
 */
export class FaultFile implements FaultSource {
  readonly #path: string
  readonly #log: (line: string) => void
  readonly #clock: () => number
  #plan = new FaultPlan()
  #version = ''
  #checkedAt: number

  constructor(
    path: string,
    log: (line: string) => void = () => {},
    clock: () => number = () => performance.now(),
  ) {
    this.#path = path
    this.#log = log
    this.#clock = clock
    this.#checkedAt = clock()
    this.#refresh()
  }

  pick(message: Message): Fault | undefined {
    const now = this.#clock()
    if (now - this.#checkedAt >= CHECK_EVERY_MS) {
      this.#checkedAt = now
      this.#refresh()
    }
    return this.#plan.pick(message)
  }

  #refresh(): void {
    try {
      const stats = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
      const version = stats === undefined ? 'none' : `${stats.ino}:${stats.mtimeNs}:${stats.size}`
      if (version === this.#version) return
      // Remembered before it is read: a malformed file is reported once, not at every message.
      this.#version = version
      if (stats !== undefined && stats.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`)
      this.#plan = stats === undefined ? new FaultPlan() : parsePlan(readFileSync(this.#path, 'utf8'))
      this.#log(
        stats === undefined ? `faults: none, ${this.#path} is not there` : `faults: read ${this.#path}`,
      )
    } catch (error) {
      this.#log(`faults: ${this.#path} ignored, ${error instanceof Error ? error.message : 'unreadable'}`)
    }
  }
}
