/** What the module's process is asked for, and the fields of each request. */
export const REQUEST = {
  /** path of the library */
  load: 1,
  /** token label (empty: by slot), slot id (empty: by label), PIN */
  login: 2,
  /** none; answers with the session's number */
  openSession: 3,
  /** session */
  closeSession: 4,
  /** session, label, wrapping algorithm; answers with whether it was made (1 or 0) and the public half (SPKI) */
  createRootKey: 5,
  /** session, label, id; answers with the public half, or no field */
  readPublicKey: 6,
  /** session, label, id */
  destroyRootKey: 7,
  /** session, mask; answers with the masked key */
  makeDataKey: 8,
  /** session, label, id, algorithm, block, mask; answers with the masked value, or no field: no such key */
  unwrap: 9,
  /** session, label, id, algorithm; refused where the token does not show that it opens what is good */
  prove: 10,
  /** session, label, id; answers with why the private half is not as it is made, or no field */
  checkOrigin: 11,
} as const

export type RequestKind = (typeof REQUEST)[keyof typeof REQUEST]

export const REPLY = { done: 1, refused: 2 } as const

/**
 * Why the module's process refused:
 *
 * - `package`: pkcs11js is missing, or does not load. `library`: the vendor's library does not.
 * - `pin`: the token refuses the PIN, or would lock at the next wrong one.
 * - `room`: no session is left.
 * - `keys`: what stands in the token can't be taken for a root key.
 * - `fault`: everything else, mostly an error of the token's.
 */
export const REFUSALS = ['package', 'library', 'pin', 'room', 'keys', 'fault'] as const
export type Refusal = (typeof REFUSALS)[number]

/** The longest thing that is masked: what 256 bytes may open to. */
export const MASK_BYTES = 256

/** Its own inverse. What it covers is noise to whoever does not have the mask, and a mask is used once. */
export const applyMask = (bytes: Uint8Array, mask: Uint8Array): void => {
  if (bytes.length > mask.length) throw new RangeError('the mask is too short')
  for (let index = 0; index < bytes.length; index++) bytes[index] = (bytes[index] ?? 0) ^ (mask[index] ?? 0)
}

export const ownBuffer = (length: number): Buffer => Buffer.from(new ArrayBuffer(length))

export const wipe = (...all: readonly Uint8Array[]): void => {
  for (const bytes of all) bytes.fill(0)
}
