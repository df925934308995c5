import type { KeyObject } from 'node:crypto'
import { type HsmPort, isReplicated, type RootKeyOrigin } from '../../ports/hsm.port.ts'
import { KmsError } from '../errors.ts'
import type { FillRandom } from '../random.ts'
import type { ActiveRootKey, RootKeyReference, WrappingAlgorithm } from '../root-key.ts'
import { opensWhatItWraps } from '../self-test.ts'
import { isRootKeyShape, publicKeySha256 } from '../wrapping.ts'

const refused = (message: string): KmsError => new KmsError('start_refused', { message })

/** @throws KmsError `start_refused` for anything but RSA-2048 */
export const checkShape = (id: string, publicKey: KeyObject): void => {
  if (!isRootKeyShape(publicKey)) {
    throw refused(`The HSM's object ${id} is not an RSA-2048 key: it is not taken for a root key.`)
  }
}

/** @throws KmsError `start_refused` for one that was planted, imported or changed, or as the HSM fails */
export const checkOrigin = async (hsm: HsmPort, { id, publicKeySha256 }: RootKeyOrigin): Promise<void> => {
  const flaw = await hsm.checkRootKeyOrigin({ id, publicKeySha256 })
  if (flaw !== undefined) {
    throw refused(`Root key ${id} in the HSM (${hsm.provider}) is not as this service makes it: ${flaw}.`)
  }
}

const opens = (
  hsm: HsmPort,
  reference: RootKeyReference,
  publicKey: KeyObject,
  random: FillRandom,
): Promise<boolean> =>
  opensWhatItWraps(publicKey, reference.algorithm, random, (wrapped) => hsm.unwrapDataKey(reference, wrapped))

/**
 * The first of the HSM's candidates with which a wrapped value comes back. Only an answer rules one out.
 *
 * @throws KmsError `start_refused` naming the setting if there is none, or as the HSM fails
 */
export const findAlgorithm = async (
  hsm: HsmPort,
  key: { readonly id: string; readonly publicKey: KeyObject },
  random: FillRandom,
): Promise<WrappingAlgorithm> => {
  const { candidates, setting } = hsm.wrapping
  const sha256 = publicKeySha256(key.publicKey)
  for (const algorithm of candidates) {
    const reference = { id: key.id, algorithm, publicKeySha256: sha256 }
    if (await opens(hsm, reference, key.publicKey, random)) return algorithm
  }
  const allowed = candidates.join(' or ')
  const hint = candidates.includes('rsa-pkcs1-v15')
    ? ''
    : ` If the HSM knows PKCS#1 v1.5 alone, set ${setting}=pkcs1.`
  throw refused(
    `The HSM opens nothing that root key ${key.id} wraps with ${allowed}, which is what ${setting} allows.${hint}`,
  )
}

/**
 * What every start asks of a root key in use: its public half comes from the HSM, is the one on record, its
 * private half is as it was made, and the HSM opens what it wraps.
 *
 * @returns the public half
 * @throws KmsError `start_refused` saying what is wrong, or as the HSM fails
 */
export const verifyRootKey = async (
  hsm: HsmPort,
  rootKey: ActiveRootKey,
  random: FillRandom,
): Promise<KeyObject> => {
  const { id, algorithm } = rootKey
  const { candidates, setting } = hsm.wrapping
  if (!candidates.includes(algorithm)) {
    throw refused(
      `Root key ${id} wraps with ${algorithm}, and ${setting} allows only ${candidates.join(', ')}: change ${setting}.`,
    )
  }
  const publicKey = await hsm.getPublicKey(rootKey)
  if (publicKey === undefined) {
    throw refused(`The store names root key ${id}, and the HSM (${hsm.provider}) does not know it.`)
  }
  checkShape(id, publicKey)
  if (publicKeySha256(publicKey) !== rootKey.publicKeySha256) {
    throw refused(`The public half of root key ${id} in the HSM is not the one on record in the store.`)
  }
  await checkOrigin(hsm, rootKey)
  if (!(await opens(hsm, rootKey, publicKey, random))) {
    throw refused(
      `The HSM does not open what root key ${id} wraps with ${algorithm}: another HSM, or one that was changed.`,
    )
  }
  if (isReplicated(hsm)) await hsm.proveDevices(rootKey, publicKey, { fresh: false })
  return publicKey
}
