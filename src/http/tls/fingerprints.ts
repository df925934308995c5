import { normalizeFingerprint } from '../../domain/policy.ts'

export interface ParsedFingerprints {
  /** Lower-case hex. */
  readonly fingerprints: ReadonlySet<string>
  /** What is none. */
  readonly invalid: readonly string[]
}

/** A list, with commas or line ends between its entries; what follows a `#` is a remark. */
export const parseFingerprints = (text: string): ParsedFingerprints => {
  const fingerprints = new Set<string>()
  const invalid: string[] = []
  const entries = text
    .replaceAll(/#.*/g, '')
    .split(/[,\r\n]/)
    .map((entry) => entry.trim())
  for (const entry of entries) {
    if (entry === '') continue
    const fingerprint = normalizeFingerprint(entry)
    if (fingerprint === undefined) invalid.push(entry)
    else fingerprints.add(fingerprint)
  }
  return { fingerprints, invalid }
}
