import { namesOf, normalizeFingerprint, type PolicyDocument } from './policy.ts'
import { DEFAULT_TENANT } from './private-key.ts'

/** What is wrong with a policy beyond its form; empty where nothing is. */
export const policyProblems = ({ clients }: PolicyDocument): readonly string[] => {
  const problems: string[] = []
  const known = new Set<string>()
  const ownerOf = new Map<string, string>()
  for (const client of clients) {
    const { name, fingerprints = [] } = client
    if (known.has(name)) problems.push(`two clients are called ${name}`)
    known.add(name)
    if (namesOf(client).length === 0) {
      problems.push(`client ${name} has no fingerprints, subjects or sans: nobody can be it`)
    }
    for (const text of fingerprints) {
      if (normalizeFingerprint(text) === undefined) {
        problems.push(`client ${name}: ${JSON.stringify(text)} is not a SHA-256 fingerprint`)
      }
    }
    for (const certificate of namesOf(client)) {
      const other = ownerOf.get(certificate)
      if (other !== undefined && other !== name)
        problems.push(`clients ${other} and ${name} are both named by ${certificate}`)
      else ownerOf.set(certificate, name)
    }
  }
  const tenantOf = new Map(clients.map(({ name, tenant = DEFAULT_TENANT }) => [name, tenant]))
  for (const { name, sharesDataKeysWith = [] } of clients) {
    for (const other of sharesDataKeysWith) {
      if (other === name) problems.push(`client ${name} shares its data keys with itself`)
      else if (!known.has(other))
        problems.push(`client ${name} shares its data keys with ${other}, which is no client`)
      else if (tenantOf.get(name) !== tenantOf.get(other))
        problems.push(`client ${name} shares its data keys with ${other}, which is of another tenant`)
    }
  }
  return problems
}
