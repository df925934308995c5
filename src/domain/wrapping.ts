import { constants, hash, type KeyObject, publicEncrypt } from 'node:crypto'
import { MODULUS_BYTES, type WrappingAlgorithm } from './root-key.ts'
import type { SecretBytes } from './secret-bytes.ts'

const OPTIONS = {
  'rsa-oaep-sha256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  'rsa-oaep-sha1': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  'rsa-pkcs1-v15': { padding: constants.RSA_PKCS1_PADDING },
} as const satisfies Record<WrappingAlgorithm, object>

/** Wraps with the public half. @returns 256 bytes that only the HSM opens */
export const wrap = (publicKey: KeyObject, algorithm: WrappingAlgorithm, secret: SecretBytes): Buffer =>
  publicEncrypt({ key: publicKey, ...OPTIONS[algorithm] }, secret.bytes)

/** What is stored of a public half: SHA-256 of its SubjectPublicKeyInfo DER, lower-case hex. */
export const publicKeySha256 = (publicKey: KeyObject): string =>
  hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex')

/** RSA-2048 with the public exponent 65,537: the only thing that is taken for a root key. */
export const isRootKeyShape = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean =>
  asymmetricKeyType === 'rsa' &&
  asymmetricKeyDetails?.modulusLength === MODULUS_BYTES * 8 &&
  asymmetricKeyDetails.publicExponent === 65_537n
