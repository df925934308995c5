import { cpus } from 'node:os'
import { combined, type Limits } from './limits/limits.ts'
import { type MemoryResult, OPERATIONS, type Operation, type OperationResults } from './scenarios.ts'

export interface Measurements {
  readonly limits: Limits
  readonly http: OperationResults
  readonly reference: OperationResults
  readonly ours: OperationResults
  readonly reconnecting: OperationResults
  readonly a256gcm: OperationResults
  /** Milliseconds from the start of `node` until it listens. */
  readonly start: number
  readonly memory: MemoryResult | undefined
}

export interface Report extends Measurements {
  readonly machine: string
  /** Ours over the reference. */
  readonly ratio: Readonly<Record<Operation, number>>
  /** Ours over what the parts add up to. */
  readonly share: Readonly<Record<Operation, number>>
  /** Store and read over PBKDF2 alone, decryptDataKey over the unwrap round trip alone. */
  readonly shareOfPart: Readonly<Partial<Record<Operation, number>>>
}

const forEach = <T>(value: (operation: Operation) => T): Record<Operation, T> =>
  Object.fromEntries(OPERATIONS.map((operation) => [operation, value(operation)])) as Record<Operation, T>

export const summarize = (measured: Measurements): Report => {
  const { limits, http, ours, reference } = measured
  const limit: Record<Operation, number> = {
    store: combined(limits.pbkdf2, limits.insert, limits.generate, http.store.rate),
    read: combined(limits.pbkdf2, limits.unwrap, http.read.rate),
    generateDataKey: combined(limits.generate, http.generateDataKey.rate),
    decryptDataKey: combined(limits.unwrap, http.decryptDataKey.rate),
  }
  const [{ model = 'unknown' } = {}, ...more] = cpus()
  return {
    ...measured,
    machine: `${model.trim()}, ${more.length + 1} cores, Node ${process.version}`,
    ratio: forEach((operation) => ours[operation].rate / reference[operation].rate),
    share: forEach((operation) => ours[operation].rate / limit[operation]),
    shareOfPart: {
      store: ours.store.rate / limits.pbkdf2,
      read: ours.read.rate / limits.pbkdf2,
      decryptDataKey: ours.decryptDataKey.rate / limits.unwrap,
    },
  }
}

const fixed = (value: number | undefined, digits = 0): string =>
  value === undefined ? '-' : value.toFixed(digits)

const table = (title: string, results: OperationResults): void => {
  console.log(`\n${title}`)
  console.table(
    forEach((operation) => {
      const { rate, p50, p99, failures, loopDelayP99Ms } = results[operation]
      return {
        'requests/s': fixed(rate),
        'p50 ms': fixed(p50, 1),
        'p99 ms': fixed(p99, 1),
        failures,
        'loop delay p99 ms': fixed(loopDelayP99Ms, 1),
      }
    }),
  )
}

export const printReport = (report: Report): void => {
  const { limits, memory } = report
  console.log(report.machine)
  table('the reference', report.reference)
  table('cofre', report.ours)
  table('cofre, a new connection for each request', report.reconnecting)
  table('cofre, ENVELOPE_FORMAT=a256gcm', report.a256gcm)
  table('bare Fastify, constant answers', report.http)
  console.log('\nalone, operations/s')
  console.table(Object.fromEntries(Object.entries(limits).map(([name, rate]) => [name, fixed(rate)])))
  console.log('\nours over ...')
  console.table(
    forEach((operation) => ({
      'the reference': fixed(report.ratio[operation], 2),
      'what the parts add up to': fixed(report.share[operation], 2),
      'PBKDF2 or unwrap alone': fixed(report.shareOfPart[operation], 2),
    })),
  )
  console.log(`\nready ${fixed(report.start)} ms after the start of node`)
  if (memory !== undefined) {
    const { atStartMiB, after10kMiB, after100kMiB } = memory
    console.log(
      `resident: ${fixed(atStartMiB)} MiB at start, ${fixed(after10kMiB)} after 10,000 operations, ${fixed(after100kMiB)} after 100,000`,
    )
  }
}
