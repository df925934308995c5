import { type BatchObservableResult, type Meter, metrics } from '@opentelemetry/api'
import type { BreakerState } from './breaker.ts'

/** What every measurement says it is about. Never names of keys. */
export type HostAttributes = {
  readonly provider: string
  readonly host: string
}

export interface ObservedPool {
  readonly inUse: number
  readonly idle: number
  readonly queued: number
}

export interface ObservedBreaker {
  readonly state: BreakerState
}

/** Times in milliseconds; they are exported in seconds. */
export interface HostMetrics {
  observe(pool: ObservedPool, breaker: ObservedBreaker): void
  waited(ms: number): void
  operated(operation: string, outcome: string, ms: number): void
  /** The host is observed no longer. */
  forget(): void
}

const BREAKER_VALUE: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/** From a local device's half millisecond to the longest deadline. */
const SECONDS = {
  unit: 's',
  advice: {
    explicitBucketBoundaries: [
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ],
  },
}

/** The numbers of one host. */
export const hostMetrics = (
  attributes: HostAttributes,
  meter: Meter = metrics.getMeter('cofre.hsm'),
): HostMetrics => {
  const sessions = meter.createObservableGauge('cofre.hsm.sessions', {
    description: 'Sessions, by state: in_use or idle.',
  })
  const queue = meter.createObservableGauge('cofre.hsm.queue.length', {
    description: 'Operations that wait for a session.',
  })
  const breaker = meter.createObservableGauge('cofre.hsm.breaker.state', {
    description: '0 closed (in service), 1 half-open, 2 open.',
  })
  const wait = meter.createHistogram('cofre.hsm.queue.wait', {
    ...SECONDS,
    description: 'How long an operation waited for its session.',
  })
  const duration = meter.createHistogram('cofre.hsm.operation.duration', {
    ...SECONDS,
    description: 'HSM operations, each attempt by itself, by operation and outcome.',
  })
  let forget = (): void => undefined
  return {
    observe: (pool, observed) => {
      const observables = [sessions, queue, breaker]
      const report = (result: BatchObservableResult): void => {
        result.observe(sessions, pool.inUse, { ...attributes, state: 'in_use' })
        result.observe(sessions, pool.idle, { ...attributes, state: 'idle' })
        result.observe(queue, pool.queued, attributes)
        result.observe(breaker, BREAKER_VALUE[observed.state], attributes)
      }
      meter.addBatchObservableCallback(report, observables)
      forget = () => meter.removeBatchObservableCallback(report, observables)
    },
    waited: (ms) => wait.record(ms / 1_000, attributes),
    operated: (operation, outcome, ms) => duration.record(ms / 1_000, { ...attributes, operation, outcome }),
    forget: () => forget(),
  }
}
