import type { X509Certificate } from 'node:crypto'
import type { PolicyCertificate } from '../../domain/policy.ts'

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** What is read of a client's certificate. */
export interface ClientCertificateInfo {
  /** As policy and audit log spell it. */
  readonly certificate: PolicyCertificate
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** Whether it may be used by a client: without the extension for that it may be used for everything. */
  readonly forClients: boolean
}

/** Node escapes commas, plus signs and line ends in the values, so that a value can't look like another part. */
const oneLine = (subject: string | undefined): string => (subject ?? '').split('\n').join(', ')

/** Node puts into quotes what has a comma in it. */
const splitNames = (names: string | undefined): readonly string[] =>
  Array.from(names?.match(/(?:[^",]|"(?:[^"\\]|\\.)*")+/g) ?? [], (name) => name.trim())

const read = (fingerprint: string, x509: X509Certificate): ClientCertificateInfo => {
  // Undefined where there is no such extension.
  const usage = x509.keyUsage as readonly string[] | undefined
  return {
    certificate: {
      fingerprint: fingerprint.replaceAll(':', '').toLowerCase(),
      subject: oneLine(x509.subject),
      san: splitNames(x509.subjectAltName),
    },
    notBefore: x509.validFromDate.getTime(),
    notAfter: x509.validToDate.getTime(),
    forClients: usage === undefined || usage.includes(CLIENT_AUTH),
  }
}

const MAX_KNOWN = 1_000

/**
 * Reads certificates, each once: the same clients come again and again, each time on a new connection.
 *
 * @param max how many are remembered
 */
export const certificateReader = (max = MAX_KNOWN): ((x509: X509Certificate) => ClientCertificateInfo) => {
  const known = new Map<string, ClientCertificateInfo>()
  return (x509) => {
    const fingerprint = x509.fingerprint256
    const found = known.get(fingerprint)
    if (found !== undefined) return found
    // Strangers can fill it; that costs the others one reading each.
    if (known.size >= max) known.clear()
    const info = read(fingerprint, x509)
    known.set(fingerprint, info)
    return info
  }
}
