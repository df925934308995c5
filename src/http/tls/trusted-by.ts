import type { X509Certificate } from 'node:crypto'

const MAX_CHAIN = 10

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)

/** The last certificate of the chain that the client showed. */
const topOf = (certificate: X509Certificate): X509Certificate => {
  let top = certificate
  for (let length = 0; length < MAX_CHAIN && top.issuerCertificate !== undefined; length++) {
    if (top.issuerCertificate.fingerprint256 === top.fingerprint256) break
    top = top.issuerCertificate
  }
  return top
}

/**
 * Whether a chain, which OpenSSL found right by other authorities, ends at a root among these: for connections
 * that were made before the authorities changed.
 */
export const isTrustedBy = (
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): boolean => {
  let at = topOf(certificate)
  for (let length = 0; length < MAX_CHAIN; length++) {
    const issuer = authorities.find((authority) => isIssuedBy(at, authority))
    if (issuer === undefined) return false
    if (isIssuedBy(issuer, issuer)) return true
    at = issuer
  }
  return false
}
