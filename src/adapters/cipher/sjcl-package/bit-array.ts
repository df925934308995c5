import sjcl from 'sjcl'

/** SJCL's bytes: big-endian 32-bit words, the last of which knows how many bits of it count. */
export type BitArray = number[]

const WORD_BYTES = 4

export const toBits = (bytes: Uint8Array): BitArray => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const bits: BitArray = new Array(Math.ceil(bytes.length / WORD_BYTES))
  const rest = bytes.length % WORD_BYTES
  for (let word = 0; word < (bytes.length - rest) / WORD_BYTES; word++) {
    bits[word] = view.getInt32(word * WORD_BYTES)
  }
  if (rest > 0) {
    const last = bytes.subarray(-rest).reduce((value, byte) => (value << 8) | byte, 0)
    bits[bits.length - 1] = sjcl.bitArray.partial(8 * rest, last)
  }
  return bits
}

export const byteLength = (bits: BitArray): number => sjcl.bitArray.bitLength(bits) / 8

/** @param out as long as `byteLength(bits)` */
export const writeBytes = (bits: BitArray, out: Uint8Array): void => {
  for (let i = 0; i < out.length; i++) {
    out[i] = (bits[Math.floor(i / WORD_BYTES)] as number) >>> (8 * (WORD_BYTES - 1 - (i % WORD_BYTES)))
  }
}
