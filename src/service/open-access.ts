import type { WatchedPolicy } from '../adapters/policy/policy-file.ts'
import type { ServiceSettings } from '../config/service-settings.ts'
import { UNRESTRICTED } from '../domain/caller.ts'
import { KmsError } from '../domain/errors.ts'
import type { PolicyCertificate } from '../domain/policy.ts'
import type { Identify } from '../http/plugins/request-context.ts'
import type { ServerTls } from '../http/tls/server-tls.ts'
import type { NamedFile, TlsSettings } from '../http/tls/tls-settings.ts'
import type { AuditLogPort } from '../ports/audit-log.port.ts'
import type { Logger } from '../ports/logger.port.ts'

/** Who gets in, and what they may do. */
export interface Access {
  /** Absent where everybody on this machine gets in. */
  readonly tls?: ServerTls
  readonly identify: Identify
  /** Looks at certificates and policy now. Never fails. */
  reload(): Promise<void>
}

export interface AccessContext {
  readonly audit: AuditLogPort | undefined
  readonly logger: Logger
}

type Name = Extract<keyof ServiceSettings, `${string}PATH` | `${string}_FILE`>

const fileOf = (service: ServiceSettings, variable: Name): NamedFile | undefined => {
  const path = service[variable]
  return path === undefined ? undefined : { variable, path }
}

const tlsSettings = (service: ServiceSettings): TlsSettings => {
  const certificate = fileOf(service, 'SERVER_TLS_CERT_PATH')
  const key = fileOf(service, 'SERVER_TLS_KEY_PATH')
  const authorities = fileOf(service, 'CLIENT_CA_CERT_PATH')
  const { MTLS_ALLOWED_CLIENT_FINGERPRINTS: list } = service
  const fingerprints =
    list === undefined
      ? fileOf(service, 'MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE')
      : { variable: 'MTLS_ALLOWED_CLIENT_FINGERPRINTS', text: list }
  if (certificate === undefined || key === undefined) {
    throw new Error('unreachable: the configuration was checked when it was read')
  }
  return {
    certificate,
    key,
    ...(authorities === undefined ? {} : { authorities }),
    ...(fingerprints === undefined ? {} : { fingerprints }),
    selfSigned: service.CLIENT_CERT_ALLOW_SELF_SIGNED,
  }
}

const openPolicy = async (
  { POLICY_FILE: path, POLICY: open, CLIENT_CERT_ALLOW_SELF_SIGNED: selfSigned }: ServiceSettings,
  logger: Logger,
): Promise<WatchedPolicy | undefined> => {
  if (path === undefined) {
    if (open === undefined) {
      logger.warn({}, 'there is no POLICY_FILE: every client that gets in may do everything')
    }
    return undefined
  }
  const { watchPolicyFile } = await import('../adapters/policy/policy-file.ts')
  const policy = await watchPolicyFile({ path, logger })
  if (selfSigned && policy.current.trustsNames) {
    await policy.close()
    throw new KmsError('start_refused', {
      message: `POLICY_FILE: ${path} names clients by subject or SAN, which anybody may write into a self-signed certificate: with CLIENT_CERT_ALLOW_SELF_SIGNED name them by fingerprint`,
    })
  }
  return policy
}

/** Of a self-signed certificate nothing but the fingerprint is worth anything, whatever a policy says later. */
const trustedPart = (certificate: PolicyCertificate, selfSigned: boolean): PolicyCertificate =>
  selfSigned ? { fingerprint: certificate.fingerprint, subject: '' } : certificate

/**
 * Opens TLS and policy as configured; what was opened is closed with `resources`.
 *
 * @throws KmsError `start_refused` naming the variable
 */
export const openAccess = async (
  service: ServiceSettings,
  { audit, logger }: AccessContext,
  resources: AsyncDisposableStack,
): Promise<Access> => {
  if (service.POLICY === 'open') {
    logger.warn({}, 'POLICY is open: every client that gets in may do everything')
  }
  if (service.TLS_MODE === 'disabled') {
    return { identify: () => ({ caller: UNRESTRICTED }), reload: async () => undefined }
  }
  const { openServerTls } = await import('../http/tls/server-tls.ts')
  const { CLIENT_CERT_ALLOW_SELF_SIGNED: selfSigned } = service
  const tls = resources.adopt(
    await openServerTls({
      settings: tlsSettings(service),
      logger,
      onRefusal: (refusal) => audit?.countRefusal(refusal),
    }),
    (opened) => opened.close(),
  )
  const policy = await openPolicy(service, logger)
  resources.defer(async () => policy?.close())
  return {
    tls,
    identify: (request) => {
      const certificate = tls.clientOf(request)
      const { fingerprint, subject } = certificate
      const caller = policy?.callerFor(trustedPart(certificate, selfSigned)) ?? UNRESTRICTED
      return { client: { fingerprint, subject }, caller }
    },
    async reload() {
      await Promise.all([tls.reload(), policy?.reload()])
    },
  }
}
