import type { Clock } from '../../domain/random.ts'
import type { Logger } from '../../ports/logger.port.ts'
import type { TlsMaterial } from './tls-material.ts'

const DAY_MS = 86_400_000
const WARN_DAYS = 30

/** Tells which of the server's own certificates and authorities are at their end, or past it. */
export const tellExpiry = (
  { serverCertificate, authorities }: Pick<TlsMaterial, 'serverCertificate' | 'authorities'>,
  logger: Logger,
  clock: Clock,
): void => {
  const all = [
    { role: 'server', x509: serverCertificate },
    ...authorities.map((x509) => ({ role: 'client authority', x509 })),
  ]
  for (const { role, x509 } of all) {
    const left = x509.validToDate.getTime() - clock().getTime()
    if (left > WARN_DAYS * DAY_MS) continue
    const fields = {
      role,
      subject: x509.subject.split('\n').join(', '),
      notAfter: x509.validToDate.toISOString(),
      days: Math.floor(left / DAY_MS),
    }
    if (left > 0) logger.warn(fields, 'certificate expires soon')
    else logger.error(fields, 'certificate has expired')
  }
}

/** Once a day. @returns what ends it */
export const tellExpiryDaily = (tell: () => void, intervalMs = DAY_MS): (() => void) => {
  const timer = setInterval(tell, intervalMs).unref()
  return () => clearInterval(timer)
}
