import { createCipheriv, timingSafeEqual } from 'node:crypto'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { CcmParameters } from '../sjcl-json/engine.ts'
import { TAG_BYTES } from '../sjcl-json/format.ts'

const BLOCK_BYTES = 16
const ZEROS = Buffer.alloc(64 * 1024)

/**
 * SJCL's choice of the nonce: CCM writes the length of the plaintext in at least two bytes, and the nonce is
 * what remains of 15. So 13 bytes of the iv up to 65,535 bytes of plaintext and 12 beyond, or all of a shorter iv.
 */
const ccmNonce = (iv: Uint8Array, plaintextLength: number): Uint8Array => {
  let lengthBytes = 2
  while (lengthBytes < 4 && plaintextLength >>> (8 * lengthBytes) > 0) lengthBytes++
  return iv.subarray(0, 15 - lengthBytes)
}

/** @returns the ciphertext, and after it the tag */
export const ccmSeal = ({ key, iv, context }: CcmParameters, plaintext: SecretBytes): Buffer => {
  const nonce = ccmNonce(iv, plaintext.length)
  const cipher = createCipheriv('aes-256-ccm', key.bytes, nonce, { authTagLength: TAG_BYTES })
  let ciphertext: Buffer
  try {
    cipher.setAAD(context, { plaintextLength: plaintext.length })
    ciphertext = cipher.update(plaintext.bytes)
  } finally {
    // Frees the key schedule now: without it that waits for the collector.
    cipher.final()
  }
  return Buffer.concat([ciphertext, cipher.getAuthTag()])
}

/**
 * Not by a decipher object, which leaves a copy of the plaintext in freed memory: the key stream goes over
 * bytes of our own, and the tag is the one that encrypting them again gives.
 *
 * @returns undefined, and the bytes wiped, if the tag does not match
 */
export const ccmOpen = (parameters: CcmParameters, sealed: Uint8Array): SecretBytes | undefined => {
  const ciphertext = sealed.subarray(0, sealed.length - TAG_BYTES)
  const nonce = ccmNonce(parameters.iv, ciphertext.length)
  const plaintext = SecretBytes.fill(ciphertext.length, (bytes) => {
    bytes.set(ciphertext)
    xorKeyStream(bytes, parameters.key, nonce)
  })
  let genuine = false
  try {
    const again = ccmSeal(parameters, plaintext)
    genuine = timingSafeEqual(again.subarray(-TAG_BYTES), sealed.subarray(-TAG_BYTES))
    return genuine ? plaintext : undefined
  } finally {
    if (!genuine) plaintext[Symbol.dispose]()
  }
}

/** The counter blocks of CCM from 1 on (block 0 hides the tag), by AES-CTR over zeros. */
const xorKeyStream = (bytes: Buffer, key: SecretBytes, nonce: Uint8Array): void => {
  const firstBlock = Buffer.alloc(BLOCK_BYTES)
  firstBlock[0] = 14 - nonce.length
  firstBlock.set(nonce, 1)
  firstBlock[BLOCK_BYTES - 1] = 1
  const counter = createCipheriv('aes-256-ctr', key.bytes, firstBlock)
  try {
    for (let start = 0; start < bytes.length; start += ZEROS.length) {
      const part = bytes.subarray(start, start + ZEROS.length)
      const stream = counter.update(ZEROS.subarray(0, part.length))
      for (let i = 0; i < part.length; i++) part[i] = (part[i] as number) ^ (stream[i] as number)
      stream.fill(0)
    }
  } finally {
    counter.final()
  }
}
