import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto'

/** The simulator's own certificate and its key, both PEM. */
export interface ServerCertificate {
  readonly key: string
  readonly cert: string
}

const NAME = 'CN=Cofre HSM simulator'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
const VALID_DAYS = 3_650

/**
 * Self-signed, EC P-256, valid for ten years. The client checks no name and no chain, only the fingerprint if
 * it is told one.
 */
export const makeCertificate = async (): Promise<ServerCertificate> => {
  // The X.509 package reads decorator metadata when it is loaded, so this one must come first.
  await import('reflect-metadata')
  const {
    BasicConstraintsExtension,
    PemConverter,
    SubjectAlternativeNameExtension,
    X509CertificateGenerator,
  } = await import('@peculiar/x509')
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const now = Date.now()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: NAME,
      keys,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + VALID_DAYS * DAY_MS),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
      ],
    },
    webcrypto as Crypto,
  )
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { key: PemConverter.encode(pkcs8, 'PRIVATE KEY'), cert: certificate.toString('pem') }
}

/**
 * @returns the SHA-256 of the certificate's DER, lower-case hex without colons
 * @throws Error if it is not a certificate, or not that of the key
 */
export const certificateSha256 = ({ key, cert }: ServerCertificate): string => {
  const certificate = new X509Certificate(cert)
  if (!certificate.checkPrivateKey(createPrivateKey(key)))
    throw new Error('the key is not that of the certificate')
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}
