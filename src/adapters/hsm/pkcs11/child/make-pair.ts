import type { Attributes, Cryptoki, Handle } from './cryptoki.ts'
import { isOneOf, tagged } from './refusal.ts'

/** A token that does not know an attribute of the template. */
const TEMPLATE_REFUSED = new Set([
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_ATTRIBUTE_READ_ONLY',
  'CKR_TEMPLATE_INCONSISTENT',
])
const MODULUS_BITS = 2048
const EXPONENT_65537 = Buffer.from([1, 0, 1])

/**
 * Makes a permanent pair whose private half stays in the token and decrypts, and nothing else.
 *
 * @param mechanism the only one that it may be used with, where the token can be told
 * @returns the private half
 */
export const makePair = async (
  cryptoki: Cryptoki,
  session: Handle,
  label: string,
  mechanism: number,
): Promise<Handle> => {
  const { ck } = cryptoki
  const value = Buffer.alloc(session.length)
  value.writeUInt32LE(mechanism)
  const oneMechanism = { type: ck.CKA_ALLOWED_MECHANISMS, value }
  const noRecovery = { type: ck.CKA_SIGN_RECOVER, value: false }
  for (const limits of [[oneMechanism, noRecovery], [noRecovery]]) {
    try {
      return await generate(cryptoki, session, label, limits)
    } catch (error) {
      if (!isOneOf(error, TEMPLATE_REFUSED)) throw error
    }
  }
  return await generate(cryptoki, session, label, [])
}

/** In a thread of the pool: it takes seconds on some tokens. */
const generate = async (
  { ck, library }: Cryptoki,
  session: Handle,
  label: string,
  limits: Attributes,
): Promise<Handle> => {
  const both: Attributes = [
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_LABEL, value: label },
  ]
  const publicTemplate: Attributes = [
    ...both,
    { type: ck.CKA_MODULUS_BITS, value: MODULUS_BITS },
    { type: ck.CKA_PUBLIC_EXPONENT, value: EXPONENT_65537 },
    { type: ck.CKA_ENCRYPT, value: true },
    { type: ck.CKA_VERIFY, value: false },
    { type: ck.CKA_WRAP, value: false },
  ]
  const privateTemplate: Attributes = [
    ...both,
    { type: ck.CKA_PRIVATE, value: true },
    { type: ck.CKA_SENSITIVE, value: true },
    { type: ck.CKA_EXTRACTABLE, value: false },
    { type: ck.CKA_DECRYPT, value: true },
    { type: ck.CKA_SIGN, value: false },
    { type: ck.CKA_UNWRAP, value: false },
    ...limits,
  ]
  const mechanism = { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN }
  try {
    const pair = await library.C_GenerateKeyPairAsync(
      session,
      mechanism,
      [...publicTemplate],
      [...privateTemplate],
    )
    return pair.privateKey
  } catch (error) {
    throw tagged('C_GenerateKeyPair', error)
  }
}
