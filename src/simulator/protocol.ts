/**
 * Numbers of the AAP wire protocol as `@dinamonetworks/hsm-dinamo` 4.9.1 speaks it.
 * Integers are little-endian; offsets are inside the payload, after the 8-byte header.
 */

export const HEADER_BYTES = 8

/** The first message, in plain TCP: this id, then version << 16 | token flag | TLS flag. */
export const HELLO = { id: 0x48454c4f, version: 1, tokenFlag: 0x4000, tlsFlag: 1 } as const

/** The answer to the hello, 4 bytes. Which value means what is not documented; the client takes them alike. */
export const ACK = { password: 0x4f4b4e54, token: 0x4f4b4154 } as const

/** Ids of replies; everything but `error` is success. */
export const REPLY = { ok: 0, error: 0xffffffff } as const

/** `loginMarker` stands where the length would: such a request has no payload, 32 raw bytes follow it. */
export const REQUEST = {
  login: 17,
  loginMarker: 0xfffffff3,
  close: 0xfffffffe,
  createKey: 2,
  unenvelop: 7,
  exportPublicKey: 9,
  exportKey: 20,
} as const

export const LOGIN = { challengeBytes: 16, proofBytes: 16, usernameBytes: 16 } as const

/** 16 of user, '/', 32 of object and a NUL. */
export const NAME_FIELD_BYTES = 50

/** The only block size that the client sends, that of an RSA-2048 modulus. */
export const BLOCK_BYTES = 256

export const ALGORITHM = { rsa2048: 6, aes128: 7, aes256: 9 } as const

export const ATTRIBUTE = { exportable: 0x1, temporary: 0x4 } as const

/** What the simulator carries out; `unsupported` stands for every other request. */
export const OPERATIONS = [
  'key.create',
  'key.export',
  'key.exportPublic',
  'dataUnenvelop',
  'close',
  'unsupported',
] as const
export type OperationName = (typeof OPERATIONS)[number]
