import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../../domain/errors.ts'

const KEY_TYPE = 'ed25519'

/**
 * @param pem of an Ed25519 private key, PKCS #8
 * @throws KmsError `start_refused` naming AUDIT_KEY
 */
export const parseAuditKey = (pem: string): KeyObject => {
  const refused = (): KmsError =>
    new KmsError('start_refused', {
      message: 'AUDIT_KEY must be the PEM of an Ed25519 private key; cofre audit keygen makes one.',
    })
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw refused()
  }
  if (key.asymmetricKeyType !== KEY_TYPE) throw refused()
  return key
}

/** @param pem of the public half, or of the private key. @returns undefined for anything but Ed25519 */
export const parseAuditPublicKey = (pem: string): KeyObject | undefined => {
  try {
    const key = createPublicKey(pem)
    return key.asymmetricKeyType === KEY_TYPE ? key : undefined
  } catch {
    return undefined
  }
}
