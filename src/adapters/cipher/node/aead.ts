import { type CipherCCM, type CipherGCM, createCipheriv, timingSafeEqual } from 'node:crypto'
import { SecretBytes } from '../../../domain/secret-bytes.ts'

export const TAG_BYTES = 16
const BLOCK_BYTES = 16
const ZEROS = Buffer.alloc(64 * 1024)

/** AES-256 in one of the two modes that authenticate. */
export interface Aead {
  readonly mode: 'ccm' | 'gcm'
  /** 32 bytes. */
  readonly key: SecretBytes
  /** 12 bytes; 13 as well in CCM. */
  readonly nonce: Uint8Array
  /** Authenticated, not encrypted; may be empty. */
  readonly context: Uint8Array
}

const createCipher = ({ mode, key, nonce }: Aead): CipherCCM | CipherGCM => {
  const options = { authTagLength: TAG_BYTES }
  return mode === 'ccm'
    ? createCipheriv('aes-256-ccm', key.bytes, nonce, options)
    : createCipheriv('aes-256-gcm', key.bytes, nonce, options)
}

/** @returns the ciphertext, and after it the tag */
export const aeadSeal = (aead: Aead, plaintext: SecretBytes): Buffer => {
  const cipher = createCipher(aead)
  let ciphertext: Buffer
  try {
    cipher.setAAD(aead.context, { plaintextLength: plaintext.length })
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
 * @param sealed at least 16 bytes
 * @returns undefined, and the bytes wiped, if the tag does not match
 */
export const aeadOpen = (aead: Aead, sealed: Uint8Array): SecretBytes | undefined => {
  const ciphertext = sealed.subarray(0, sealed.length - TAG_BYTES)
  const plaintext = SecretBytes.fill(ciphertext.length, (bytes) => {
    bytes.set(ciphertext)
    xorKeyStream(bytes, aead)
  })
  let genuine = false
  try {
    const again = aeadSeal(aead, plaintext)
    genuine = timingSafeEqual(again.subarray(-TAG_BYTES), sealed.subarray(-TAG_BYTES))
    return genuine ? plaintext : undefined
  } finally {
    if (!genuine) plaintext[Symbol.dispose]()
  }
}

/**
 * The counter block that the first plaintext block is encrypted with; the one before it hides the tag.
 * CCM (RFC 3610, 2.3): flags, nonce, counter 1. GCM with a nonce of 96 bits (SP 800-38D, 7.1): nonce, counter 2.
 */
const firstCounter = ({ mode, nonce }: Aead): Buffer => {
  const block = Buffer.alloc(BLOCK_BYTES)
  if (mode === 'ccm') block[0] = 14 - nonce.length
  block.set(nonce, mode === 'ccm' ? 1 : 0)
  block[BLOCK_BYTES - 1] = mode === 'ccm' ? 1 : 2
  return block
}

/** By AES-CTR over zeros. */
const xorKeyStream = (bytes: Buffer, aead: Aead): void => {
  const counter = createCipheriv('aes-256-ctr', aead.key.bytes, firstCounter(aead))
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
