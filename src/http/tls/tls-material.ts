import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { KmsError } from '../../domain/errors.ts'
import type { TlsOptions } from '../server.ts'
import { parseFingerprints } from './fingerprints.ts'
import type { TlsFiles } from './tls-files.ts'
import { tlsOptions } from './tls-options.ts'
import type { NamedFile, NamedText, TlsSettings } from './tls-settings.ts'

/** What the files say, once it is known to fit together. */
export interface TlsMaterial {
  readonly options: TlsOptions
  readonly serverCertificate: X509Certificate
  readonly authorities: readonly X509Certificate[]
  /** Undefined where no client is pinned. */
  readonly fingerprints: ReadonlySet<string> | undefined
}

const MAX_SHOWN = 80
const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END [A-Z0-9 ]+-----/g

const placeOf = (source: NamedFile | NamedText): string =>
  'path' in source ? `${source.variable}: ${source.path}` : `${source.variable}:`

const parseCertificates = (
  file: NamedFile | undefined,
  pem: Buffer | undefined,
  problems: string[],
): readonly X509Certificate[] => {
  if (file === undefined || pem === undefined) return []
  try {
    const certificates = Array.from(
      String(pem).match(PEM_CERTIFICATE) ?? [],
      (text) => new X509Certificate(text),
    )
    if (certificates.length === 0) problems.push(`${placeOf(file)} has no certificate in PEM`)
    return certificates
  } catch {
    problems.push(`${placeOf(file)} has a certificate that can't be read`)
    return []
  }
}

const checkKey = (
  { certificate, key: file }: TlsSettings,
  { key: pem }: TlsFiles,
  server: X509Certificate | undefined,
  problems: string[],
): void => {
  try {
    const key = createPrivateKey(pem)
    if (server !== undefined && !server.checkPrivateKey(key)) {
      problems.push(`${placeOf(file)} is not the key of the certificate in ${certificate.path}`)
    }
  } catch {
    problems.push(`${placeOf(file)} has no private key in PEM that can be read without a passphrase`)
  }
}

const parsePins = (
  { fingerprints: source, selfSigned }: TlsSettings,
  { fingerprints: text }: TlsFiles,
  problems: string[],
): ReadonlySet<string> | undefined => {
  if (source === undefined || text === undefined) {
    // Nobody would decide about a client at all.
    if (selfSigned)
      problems.push('MTLS_ALLOWED_CLIENT_FINGERPRINTS is missing: without it nobody is told from a stranger')
    return undefined
  }
  const { fingerprints, invalid } = parseFingerprints(text)
  for (const entry of invalid) {
    problems.push(
      `${placeOf(source)} ${JSON.stringify(entry.slice(0, MAX_SHOWN))} is not a SHA-256 fingerprint`,
    )
  }
  if (fingerprints.size === 0 && invalid.length === 0) problems.push(`${placeOf(source)} has no fingerprint`)
  return fingerprints
}

/** @throws KmsError `start_refused` with one line for each thing that is wrong, naming its variable */
export const checkTlsFiles = (settings: TlsSettings, files: TlsFiles): TlsMaterial => {
  const problems: string[] = []
  const [server] = parseCertificates(settings.certificate, files.certificate, problems)
  checkKey(settings, files, server, problems)
  const authorities = parseCertificates(settings.authorities, files.authorities, problems)
  const fingerprints = parsePins(settings, files, problems)
  const options = tlsOptions(files)
  if (problems.length === 0) {
    try {
      createSecureContext(options)
    } catch (error) {
      problems.push(`${placeOf(settings.certificate)} can't be used by OpenSSL (${(error as Error).message})`)
    }
  }
  if (server === undefined || problems.length > 0) {
    throw new KmsError('start_refused', { message: problems.join('\n') })
  }
  return { options, serverCertificate: server, authorities, fingerprints }
}
