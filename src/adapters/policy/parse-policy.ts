import { Value, type ValueError } from '@sinclair/typebox/value'
import { compilePolicy, type Policy, type PolicyDocument } from '../../domain/policy.ts'
import { policyProblems } from '../../domain/policy-problems.ts'
import { PolicySchema } from './policy-schema.ts'

/** Everything that is wrong with a policy, one line each. */
export class PolicyError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'PolicyError'
    this.problems = problems
  }
}

const MAX_PROBLEMS = 20

/** `/clients/0/operations/1` as `clients[0].operations[1]`. */
const placeOf = (path: string): string =>
  path
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
    .replace(/^\./, '') || 'the policy'

const problemOf = ({ path, message, schema }: ValueError): string => {
  const literals = (schema.anyOf as readonly { const?: unknown }[] | undefined)?.map((each) => each.const)
  return `${placeOf(path)}: ${literals === undefined ? message : `expected one of ${literals.join(', ')}`}`
}

export interface ParsedPolicy {
  readonly document: PolicyDocument
  readonly policy: Policy
}

/** @throws PolicyError */
export const parsePolicy = (text: string): ParsedPolicy => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new PolicyError([`not JSON: ${(error as Error).message}`])
  }
  if (!Value.Check(PolicySchema, value)) {
    const errors = [...Value.Errors(PolicySchema, value)].map(problemOf)
    throw new PolicyError([...new Set(errors)].slice(0, MAX_PROBLEMS))
  }
  const document = value as PolicyDocument
  const problems = policyProblems(document)
  if (problems.length > 0) throw new PolicyError(problems.slice(0, MAX_PROBLEMS))
  return { document, policy: compilePolicy(document) }
}
