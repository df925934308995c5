import { webcrypto, X509Certificate } from 'node:crypto'
import 'reflect-metadata'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A certificate and its key, both PEM. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string
}

export interface CertificateOptions {
  /** Distinguished name, as in `CN=wallet, O=Example`. */
  readonly name?: string
  readonly dns?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** `none`: without the extension, which allows everything. */
  readonly purpose?: 'client' | 'server' | 'none'
  readonly keyType?: 'EC' | 'RSA'
}

export interface TestAuthority extends TestCertificate {
  issueServer(options?: CertificateOptions): Promise<TestCertificate>
  issueClient(options?: CertificateOptions): Promise<TestCertificate>
  issueAuthority(name: string): Promise<TestAuthority>
}

interface Issuer {
  readonly name: string
  readonly key: CryptoKey
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
} as const
export const DAY_MS = 86_400_000
const VALID_DAYS = 365

const crypto = webcrypto as Crypto

const PURPOSES = {
  client: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  server: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth])],
  none: [],
} as const satisfies Record<string, readonly Extension[]>

const newKeys = (keyType: 'EC' | 'RSA' = 'EC') =>
  keyType === 'EC'
    ? crypto.subtle.generateKey(EC, true, ['sign', 'verify'])
    : crypto.subtle.generateKey(RSA, true, ['sign', 'verify'])

const make = async (
  keys: webcrypto.CryptoKeyPair,
  options: CertificateOptions & { readonly name: string },
  extensions: readonly Extension[],
  issuer: Issuer | undefined,
): Promise<TestCertificate> => {
  const signingKey = issuer?.key ?? keys.privateKey
  const certificate = await X509CertificateGenerator.create(
    {
      subject: options.name,
      issuer: issuer?.name ?? options.name,
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: signingKey.algorithm.name === EC.name ? EC : RSA,
      notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
      notAfter: options.notAfter ?? new Date(Date.now() + VALID_DAYS * DAY_MS),
      extensions: [...extensions],
    },
    crypto,
  )
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  const cert = certificate.toString('pem')
  return {
    cert,
    key: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    fingerprint: new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

const leaf = async (
  { keyType, purpose = 'none', dns = [], name = 'CN=leaf', ...dates }: CertificateOptions,
  issuer?: Issuer,
): Promise<TestCertificate> => {
  const names = dns.map((value) => ({ type: 'dns' as const, value }))
  const addresses = dns.includes('localhost') ? [{ type: 'ip' as const, value: '127.0.0.1' }] : []
  const extensions: readonly Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ...PURPOSES[purpose],
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension([...names, ...addresses])] : []),
  ]
  return await make(await newKeys(keyType), { name, ...dates }, extensions, issuer)
}

/** A certificate that vouches for itself. */
export const makeSelfSigned = (options: CertificateOptions = {}): Promise<TestCertificate> =>
  leaf({ name: 'CN=self-signed', purpose: 'client', ...options })

/** An authority with a key of its own. @param issuer the one above it; without it is a root */
export const makeAuthority = async (
  name = 'CN=Test authority',
  keyType: 'EC' | 'RSA' = 'EC',
  issuer?: Issuer,
): Promise<TestAuthority> => {
  const keys = await newKeys(keyType)
  const extensions = [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign + KeyUsageFlags.cRLSign, true),
  ]
  const self = { name, key: keys.privateKey }
  return {
    ...(await make(keys, { name }, extensions, issuer)),
    issueServer: (options = {}) =>
      leaf({ name: 'CN=cofre.test', dns: ['localhost'], purpose: 'server', ...options }, self),
    issueClient: (options = {}) => leaf({ name: 'CN=client', purpose: 'client', ...options }, self),
    issueAuthority: (below) => makeAuthority(below, 'EC', self),
  }
}
