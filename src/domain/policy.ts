import type { Caller, OperationName } from './caller.ts'
import { KmsError } from './errors.ts'
import { DEFAULT_TENANT, type KeyDescription, type Source } from './private-key.ts'
import type { ClientCertificate } from './request-context.ts'

/** A client of the policy and what it may do. A restriction that is left out restricts nothing. */
export interface PolicyClient {
  /** What its data keys are bound to: they stop opening when it changes. */
  readonly name: string
  /** SHA-256 of certificates, in any of the usual spellings. */
  readonly fingerprints?: readonly string[]
  /** Certificate subjects, spelled as the service log and the audit log spell them. */
  readonly subjects?: readonly string[]
  /** Subject alternative names: `DNS:wallet.example`, `URI:spiffe://...`. */
  readonly sans?: readonly string[]
  /** Whose private keys it works with; `default` where it is left out. */
  readonly tenant?: string
  readonly operations: readonly OperationName[]
  /** These three restrict storePrivateKey and getPrivateKey. */
  readonly sources?: readonly Source[]
  readonly coins?: readonly string[]
  readonly types?: readonly string[]
  /** Names of clients that may open this client's data keys. */
  readonly sharesDataKeysWith?: readonly string[]
}

export interface PolicyDocument {
  readonly clients: readonly PolicyClient[]
}

/** All of a certificate that a policy may name. */
export interface PolicyCertificate extends Pick<ClientCertificate, 'fingerprint' | 'subject'> {
  /** Its subject alternative names, each with its kind before it: `DNS:wallet.example`. */
  readonly san?: readonly string[]
}

export interface Policy {
  /** Every client that the certificate names: one, none, or (a mistake that no file shows) several. */
  readonly clientsFor: (certificate: PolicyCertificate) => readonly PolicyClient[]

  /** May do nothing where not exactly one client of the policy is named. */
  readonly callerFor: (certificate: PolicyCertificate | undefined) => Caller

  readonly callerNamed: (name: string) => Caller | undefined

  /** Whether some client is named by more than its fingerprint: only right where an authority vouches for names. */
  readonly trustsNames: boolean
}

/** `sha256:AB:CD...` and the like as lower-case hex. @returns undefined for anything else */
export const normalizeFingerprint = (text: string): string | undefined => {
  const hex = text
    .toLowerCase()
    .replace(/^sha256:/, '')
    .replaceAll(':', '')
  return /^[0-9a-f]{64}$/.test(hex) ? hex : undefined
}

/** All that names a client, each with its kind, so that a subject is never taken for a SAN. */
export const namesOf = ({ fingerprints = [], subjects = [], sans = [] }: PolicyClient): readonly string[] => [
  ...fingerprints.map((text) => `fingerprint ${normalizeFingerprint(text) ?? text}`),
  ...subjects.map((text) => `subject ${text}`),
  ...sans.map((text) => `san ${text}`),
]

const namesIn = ({ fingerprint, subject, san = [] }: PolicyCertificate): readonly string[] => [
  `fingerprint ${fingerprint}`,
  `subject ${subject}`,
  ...san.map((text) => `san ${text}`),
]

const includes = (allowed: readonly string[] | undefined, value: string): boolean =>
  allowed === undefined || allowed.includes(value)

const RESTRICTED: readonly OperationName[] = ['storePrivateKey', 'getPrivateKey']

/** The first rule that refuses, for the operator alone; undefined where it is allowed. */
export const refusalReason = (
  client: PolicyClient,
  operation: OperationName,
  key?: Partial<KeyDescription>,
): string | undefined => {
  if (!client.operations.includes(operation)) return `operations has no ${operation}`
  if (key === undefined || !RESTRICTED.includes(operation)) return undefined
  if (key.source !== undefined && !includes(client.sources, key.source)) return `sources has no ${key.source}`
  if (key.coin !== undefined && !includes(client.coins, key.coin)) return `coins has no ${key.coin}`
  if (key.type !== undefined && !includes(client.types, key.type)) return `types has no ${key.type}`
  return undefined
}

const forbidden = (operation: OperationName): KmsError =>
  new KmsError('forbidden', { message: `This client may not call ${operation}.` })

/** Owns nothing, opens nothing, may do nothing. */
const STRANGER: Caller = {
  owner: '',
  tenant: DEFAULT_TENANT,
  opensDataKeysOf: [],
  authorize(operation) {
    throw forbidden(operation)
  },
}

/** Precondition: `policyProblems` found nothing. */
export const compilePolicy = (document: PolicyDocument): Policy => {
  const byName = new Map<string, PolicyClient>()
  for (const client of document.clients) for (const name of namesOf(client)) byName.set(name, client)

  const callers = new Map<PolicyClient, Caller>()
  for (const client of document.clients) {
    const { name: owner, tenant = DEFAULT_TENANT } = client
    const sharing = document.clients.filter(({ sharesDataKeysWith = [] }) =>
      sharesDataKeysWith.includes(owner),
    )
    callers.set(client, {
      owner,
      tenant,
      opensDataKeysOf: [owner, ...sharing.map(({ name }) => name)],
      authorize(operation, key) {
        if (refusalReason(client, operation, key) !== undefined) throw forbidden(operation)
      },
    })
  }

  const clientsFor = (certificate: PolicyCertificate): readonly PolicyClient[] => {
    const found = namesIn(certificate).flatMap((name) => byName.get(name) ?? [])
    return [...new Set(found)]
  }
  return {
    clientsFor,
    callerFor(certificate) {
      const [client, ...others] = certificate === undefined ? [] : clientsFor(certificate)
      return (client !== undefined && others.length === 0 ? callers.get(client) : undefined) ?? STRANGER
    },
    callerNamed(name) {
      const client = document.clients.find((each) => each.name === name)
      return client === undefined ? undefined : callers.get(client)
    },
    trustsNames: document.clients.some(({ subjects = [], sans = [] }) => subjects.length + sans.length > 0),
  }
}
