import type { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { CcmParameters } from '../sjcl-json/engine.ts'
import { type Aead, aeadOpen, aeadSeal, TAG_BYTES } from './aead.ts'

/**
 * SJCL's choice of the nonce: CCM writes the length of the plaintext in at least two bytes, and the nonce is
 * what remains of 15. So 13 bytes of the iv up to 65,535 bytes of plaintext and 12 beyond, or all of a shorter iv.
 */
const ccmNonce = (iv: Uint8Array, plaintextLength: number): Uint8Array => {
  let lengthBytes = 2
  while (lengthBytes < 4 && plaintextLength >>> (8 * lengthBytes) > 0) lengthBytes++
  return iv.subarray(0, 15 - lengthBytes)
}

const ccm = ({ key, iv, context }: CcmParameters, plaintextLength: number): Aead => ({
  mode: 'ccm',
  key,
  nonce: ccmNonce(iv, plaintextLength),
  context,
})

/** @returns the ciphertext, and after it the tag */
export const ccmSeal = (parameters: CcmParameters, plaintext: SecretBytes): Buffer =>
  aeadSeal(ccm(parameters, plaintext.length), plaintext)

/** @returns undefined if the tag does not match */
export const ccmOpen = (parameters: CcmParameters, sealed: Uint8Array): SecretBytes | undefined =>
  aeadOpen(ccm(parameters, sealed.length - TAG_BYTES), sealed)
