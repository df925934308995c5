import { cpus } from 'node:os'
import { combined, PARTS, type Part } from './limits/limits.ts'
import type { MemoryResult } from './memory.ts'
import { forEachOperation, type Measured, type Operation } from './subject.ts'
import { median } from './support/median.ts'

/** What is measured side by side, round after round. */
export const SUBJECTS = ['ours', 'reference', 'oursTls', 'referenceTls', 'a256gcm', 'http'] as const
export type SubjectName = (typeof SUBJECTS)[number]

const TITLES: Readonly<Record<SubjectName, string>> = {
  reference: 'the reference',
  ours: 'cofre',
  referenceTls: 'the reference, a new TLS connection for each request',
  oursTls: 'cofre, a new TLS connection for each request',
  a256gcm: 'cofre, ENVELOPE_FORMAT=a256gcm',
  http: 'bare Fastify, constant answers',
}

/** One operation in one round: the parts it consists of, and every subject, one right after the other. */
export interface Round {
  readonly operation: Operation
  readonly parts: Readonly<Partial<Record<Part, number>>>
  readonly results: Readonly<Record<SubjectName, Measured>>
}

/** The one that it is held against comes last, so that the two are measured one after the other. */
export const PARTS_OF: Readonly<Record<Operation, readonly Part[]>> = {
  store: ['insert', 'generate', 'pbkdf2'],
  read: ['unwrap', 'pbkdf2'],
  generateDataKey: ['generate'],
  decryptDataKey: ['unwrap'],
}

/** The part that an operation is held against alone. */
const MAIN_PART: Readonly<Partial<Record<Operation, Part>>> = {
  store: 'pbkdf2',
  read: 'pbkdf2',
  decryptDataKey: 'unwrap',
}

interface Measurements {
  readonly rounds: readonly Round[]
  /** Milliseconds from the start of `node` until it is ready. */
  readonly start: number
  readonly memory: MemoryResult | undefined
}

type OperationResults = Readonly<Record<Operation, Measured>>

/** Medians of the rounds; a ratio is the median of the ratios in each round. */
export interface Report extends Record<SubjectName, OperationResults> {
  readonly machine: string
  readonly rounds: number
  /** Operations a second of each part alone. */
  readonly limits: Readonly<Record<Part, number>>
  /** Ours over the reference. */
  readonly ratio: Readonly<Record<Operation, number>>
  /** The same with a new TLS connection for each request. */
  readonly ratioTls: Readonly<Record<Operation, number>>
  /** Ours over what the parts add up to. */
  readonly share: Readonly<Record<Operation, number>>
  /** Store and read over PBKDF2 alone, decryptDataKey over the unwrap round trip alone. */
  readonly shareOfPart: Readonly<Partial<Record<Operation, number>>>
  readonly start: number
  readonly memory: MemoryResult | undefined
}

const machine = (): string => {
  const [{ model = 'unknown' } = {}, ...more] = cpus()
  return `${model.trim()}, ${more.length + 1} cores, Node ${process.version}`
}

const middle = (results: readonly Measured[]): Measured => {
  const of = (value: (result: Measured) => number): number => median(results.map(value))
  const hasDelay = results.every(({ loopDelayP99Ms }) => loopDelayP99Ms !== undefined)
  return {
    rate: of(({ rate }) => rate),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    failures: results.reduce((sum, { failures }) => sum + failures, 0),
    loopDelayP99Ms: hasDelay ? of(({ loopDelayP99Ms = Number.NaN }) => loopDelayP99Ms) : undefined,
  }
}

export const summarize = ({ rounds, start, memory }: Measurements): Report => {
  const roundsOf = (operation: Operation): readonly Round[] =>
    rounds.filter((round) => round.operation === operation)
  const ratios = (value: (round: Round) => number): Record<Operation, number> =>
    forEachOperation((operation) => median(roundsOf(operation).map(value)))
  const resultsOf = (subject: SubjectName): OperationResults =>
    forEachOperation((operation) => middle(roundsOf(operation).map(({ results }) => results[subject])))
  const share = ({ operation, parts, results }: Round): number =>
    results.ours.rate /
    combined(...PARTS_OF[operation].map((part) => parts[part] ?? Number.NaN), results.http.rate)
  const shareOfPart = ({ operation, parts, results }: Round): number =>
    results.ours.rate / (parts[MAIN_PART[operation] as Part] ?? Number.NaN)
  const { generateDataKey: _, ...sharesOfPart } = ratios(shareOfPart)
  return {
    machine: machine(),
    rounds: roundsOf('store').length,
    ...(Object.fromEntries(SUBJECTS.map((subject) => [subject, resultsOf(subject)])) as Record<
      SubjectName,
      OperationResults
    >),
    limits: Object.fromEntries(
      PARTS.map((part) => [part, median(rounds.flatMap(({ parts }) => parts[part] ?? []))]),
    ) as Record<Part, number>,
    ratio: ratios(({ results }) => results.ours.rate / results.reference.rate),
    ratioTls: ratios(({ results }) => results.oursTls.rate / results.referenceTls.rate),
    share: ratios(share),
    shareOfPart: sharesOfPart,
    start,
    memory,
  }
}

const fixed = (value: number | undefined, digits = 0): string =>
  value === undefined ? '-' : value.toFixed(digits)

const table = (title: string, results: OperationResults): void => {
  console.log(`\n${title}`)
  console.table(
    forEachOperation((operation) => {
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
  const { limits, memory, rounds } = report
  console.log(`${report.machine}; medians of ${rounds} rounds`)
  for (const subject of SUBJECTS) table(TITLES[subject], report[subject])
  console.log('\nalone, operations/s')
  console.table(Object.fromEntries(PARTS.map((part) => [part, fixed(limits[part])])))
  console.log('\ncofre over ...')
  console.table(
    forEachOperation((operation) => ({
      'the reference': fixed(report.ratio[operation], 2),
      'the same, new TLS connections': fixed(report.ratioTls[operation], 2),
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
