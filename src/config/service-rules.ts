import { ANCHOR_FORM } from '../domain/integrity/integrity-key.ts'
import { isHost, isLoopback, parseHostAndPort } from './address.ts'
import { missing } from './read-settings.ts'
import { type Mode, type ServiceSettings, ServiceSettingsSchema } from './service-settings.ts'
import { mongoProblems } from './store-rules.ts'

type Found = Partial<ServiceSettings>
type Name = keyof ServiceSettings

const { properties } = ServiceSettingsSchema

export const REQUIRED_WITH_AUDIT = ['AUDIT_LOG', 'AUDIT_KEY'] as const satisfies readonly Name[]
export const REQUIRED_WITH_MTLS = [
  'SERVER_TLS_CERT_PATH',
  'SERVER_TLS_KEY_PATH',
  'CLIENT_CA_CERT_PATH',
] as const satisfies readonly Name[]

const needed = (found: Found, ...names: readonly Name[]): readonly string[] =>
  names.filter((name) => found[name] === undefined).map((name) => missing(name, properties[name]))

/** The providers by name or path, the one that writes first. */
export const providerNames = ({ HSM_PROVIDER, HSM_READ_PROVIDERS }: Found): readonly string[] =>
  [HSM_PROVIDER, ...(HSM_READ_PROVIDERS?.split(',') ?? [])].filter((name) => name !== undefined)

const addressRules = ({ BIND, HEALTH_BIND }: Found, mode: Mode): readonly string[] => {
  const problems: string[] = []
  if (BIND !== undefined && !isHost(BIND)) {
    problems.push(`BIND is ${JSON.stringify(BIND)}: it must be an IP address or localhost`)
  } else if (mode === 'dev' && BIND !== undefined && !isLoopback(BIND)) {
    problems.push(
      `BIND is ${BIND}: in dev it must be a loopback address such as 127.0.0.1; for anything else use serve`,
    )
  }
  if (HEALTH_BIND !== undefined && HEALTH_BIND !== 'off' && parseHostAndPort(HEALTH_BIND) === undefined) {
    problems.push(
      `HEALTH_BIND is ${JSON.stringify(HEALTH_BIND)}: it must be ${properties.HEALTH_BIND.allowed}`,
    )
  }
  return problems
}

const tlsRules = (found: Found): readonly string[] => {
  const { BIND, TLS_MODE, CLIENT_CERT_ALLOW_SELF_SIGNED: selfSigned } = found
  if (TLS_MODE === 'disabled') {
    const problems: string[] = []
    if (BIND !== undefined && isHost(BIND) && !isLoopback(BIND)) {
      problems.push(
        `TLS_MODE is disabled while BIND is ${BIND}: without TLS only a loopback address such as 127.0.0.1 is allowed`,
      )
    }
    if (found.POLICY_FILE !== undefined) {
      problems.push(
        'POLICY_FILE is set while TLS_MODE is disabled: a policy needs certificates to know clients by; give POLICY=open in its place',
      )
    }
    return problems
  }
  if (TLS_MODE !== 'mtls') return []
  const { MTLS_ALLOWED_CLIENT_FINGERPRINTS: list, MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: file } = found
  const files = REQUIRED_WITH_MTLS.filter((name) => name !== 'CLIENT_CA_CERT_PATH' || selfSigned !== true)
  const problems = [...needed(found, ...files)]
  if (selfSigned === true && list === undefined && file === undefined) {
    const [problem] = needed(found, 'MTLS_ALLOWED_CLIENT_FINGERPRINTS')
    problems.push(`${problem}, because CLIENT_CERT_ALLOW_SELF_SIGNED is true`)
  }
  if (list !== undefined && file !== undefined) {
    problems.push(
      'MTLS_ALLOWED_CLIENT_FINGERPRINTS and MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE are both set: give one of them',
    )
  }
  return problems
}

const policyRules = ({ POLICY_FILE: file, POLICY: open }: Found, mode: Mode): readonly string[] => {
  if (file !== undefined && open !== undefined)
    return ['POLICY and POLICY_FILE are both set: give one of them']
  if (mode !== 'serve' || file !== undefined || open !== undefined) return []
  return needed({}, 'POLICY_FILE').map(
    (problem) => `${problem}, or POLICY=open in its place, which lets every client do everything`,
  )
}

const workerRules = ({ WORKERS }: Found, mode: Mode): readonly string[] =>
  mode === 'dev' && WORKERS !== undefined && WORKERS > 1
    ? [`WORKERS is ${WORKERS}: dev is one process; for more use serve`]
    : []

const providerRules = (found: Found, mode: Mode): readonly string[] => {
  const names = providerNames(found)
  const problems: string[] = []
  if (names.some((name) => name === '' || name !== name.trim())) {
    problems.push(
      `HSM_READ_PROVIDERS is ${JSON.stringify(found.HSM_READ_PROVIDERS)}: it must be ${properties.HSM_READ_PROVIDERS.allowed}`,
    )
  }
  if (new Set(names).size < names.length) {
    problems.push('HSM_READ_PROVIDERS names a provider twice, or the one of HSM_PROVIDER')
  }
  if (mode !== 'dev' && names.includes('memory')) {
    const name = found.HSM_PROVIDER === 'memory' ? 'HSM_PROVIDER' : 'HSM_READ_PROVIDERS'
    problems.push(`${name} is memory, which is for dev only: it must be ${properties.HSM_PROVIDER.allowed}`)
  }
  return problems
}

const auditRules = (found: Found, mode: Mode): readonly string[] => {
  if (mode !== 'dev' || found.AUDIT_LOG !== undefined) return needed(found, ...REQUIRED_WITH_AUDIT)
  return found.AUDIT_KEY === undefined ? [] : needed(found, 'AUDIT_LOG')
}

const anchorRules = (found: Found, mode: Mode): readonly string[] => {
  const { STORE_ANCHOR: anchor } = found
  if (anchor === undefined) return mode === 'serve' ? needed(found, 'STORE_ANCHOR') : []
  if (mode !== 'dev') {
    if (ANCHOR_FORM.test(anchor)) return []
    return [`STORE_ANCHOR is ${JSON.stringify(anchor)}: it must be ${properties.STORE_ANCHOR.allowed}`]
  }
  return ['STORE_ANCHOR is set, and dev keeps it in DATA_DIR: leave it out, or use serve']
}

const storeRules = (found: Found, mode: Mode): readonly string[] => {
  if (mode === 'dev' || found.DATABASE_URL === undefined) return []
  if (found.DATABASE_URL !== 'memory:') return mongoProblems(found.DATABASE_URL)
  return [`DATABASE_URL is memory:, which is for dev only: it must be ${properties.DATABASE_URL.allowed}`]
}

/** What no single variable shows. @returns one line for each thing that is wrong */
export const checkService = (found: Found, mode: Mode): readonly string[] => [
  ...addressRules(found, mode),
  ...tlsRules(found),
  ...policyRules(found, mode),
  ...workerRules(found, mode),
  ...providerRules(found, mode),
  ...auditRules(found, mode),
  ...storeRules(found, mode),
  ...anchorRules(found, mode),
]
