import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificateInfo } from './client-certificate.ts'

/** Why a client is refused: for the log and the audit log's counters. The client is not told. */
export type ClientRefusal =
  | 'no_certificate'
  | 'unknown_issuer'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_purpose'
  | 'not_pinned'
  | 'invalid_certificate'

/** Who is let in. */
export interface ClientRules {
  readonly selfSigned: boolean
  readonly authorities: readonly X509Certificate[]
  readonly fingerprints: ReadonlySet<string> | undefined
}

const BY_OPENSSL: Readonly<Record<string, ClientRefusal>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not_yet_valid',
  INVALID_PURPOSE: 'wrong_purpose',
  CERT_UNTRUSTED: 'unknown_issuer',
  CERT_SIGNATURE_FAILURE: 'unknown_issuer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown_issuer',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_issuer',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_issuer',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_issuer',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_issuer',
}

/** What OpenSSL found when it verified the chain; undefined where it found nothing wrong. */
export const issuerRefusal = ({ authorized, authorizationError }: TLSSocket): ClientRefusal | undefined =>
  authorized ? undefined : (BY_OPENSSL[String(authorizationError)] ?? 'invalid_certificate')

/** What can change while a connection stays open: the time, and the pins. */
export const standingRefusal = (
  { certificate, notBefore, notAfter, forClients }: ClientCertificateInfo,
  { fingerprints, selfSigned }: ClientRules,
  now: number,
): ClientRefusal | undefined => {
  if (now > notAfter) return 'expired'
  if (now < notBefore) return 'not_yet_valid'
  if (!forClients) return 'wrong_purpose'
  // Where nobody else decides, no list lets nobody in.
  if (fingerprints === undefined ? selfSigned : !fingerprints.has(certificate.fingerprint))
    return 'not_pinned'
  return undefined
}
