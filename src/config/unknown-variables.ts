import type { Environment } from './read-settings.ts'

export interface UnknownVariables {
  /** One character away from a variable that is read: a slip that could leave a restriction out. */
  readonly problems: readonly string[]
  /** Begin like a variable of ours and are not one. They may be somebody else's, so they stop nothing. */
  readonly warnings: readonly string[]
}

/** Shorter names are too near to everybody's. */
const MIN_LENGTH = 8

/** Whether one character inserted, removed or replaced makes one text of the other. */
const isOneSlipAway = (a: string, b: string): boolean => {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a]
  if (long.length - short.length > 1) return false
  let same = 0
  while (same < short.length && long[same] === short[same]) same++
  const rest = long.slice(same + 1)
  return rest === short.slice(same) || rest === short.slice(same + 1)
}

/** @param known every variable that is read @param prefixes `DINAMO_` and the like */
export const findUnknownVariables = (
  environment: Environment,
  known: readonly string[],
  prefixes: readonly string[],
): UnknownVariables => {
  const knownNames = new Set(known)
  const problems: string[] = []
  const warnings: string[] = []
  for (const name of Object.keys(environment).sort()) {
    if (knownNames.has(name) || environment[name] === undefined) continue
    const meant = known.find((other) => other.length >= MIN_LENGTH && isOneSlipAway(name, other))
    if (meant !== undefined)
      problems.push(`${name} is not a variable of this service: did you mean ${meant}?`)
    else if (prefixes.some((prefix) => name.startsWith(prefix))) {
      warnings.push(`${name} is not a variable of this service and is ignored`)
    }
  }
  return { problems, warnings }
}
