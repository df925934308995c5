import type { KeyObject } from 'node:crypto'
import type { RootKeyReference, WrappingAlgorithm } from '../domain/root-key.ts'
import type { SecretBytes } from '../domain/secret-bytes.ts'

export interface UnwrapOptions {
  /** The answer before was wrong: ask on a session that did not give it. */
  readonly again?: boolean
}

export interface CreatedRootKey {
  /** `exists`: an object of that name was there already, and was not touched. */
  readonly outcome: 'created' | 'exists'
  /** The public half of what stands under that name now. RSA-2048 is not promised: the caller checks. */
  readonly publicKey: KeyObject
}

/** A pair by its name and by SHA-256 of its public half. */
export type RootKeyOrigin = Pick<RootKeyReference, 'id' | 'publicKeySha256'>

/**
 * A hardware security module of one vendor. Every method ends within a deadline of the adapter's.
 *
 * @throws KmsError `hsm_unavailable` where the HSM, the way to it or its answer is at fault; `hsm_busy` where
 *   too much waits for it
 */
export interface HsmPort {
  /** Recorded with every root key and row: `dinamo`, `pkcs11`, ... */
  readonly provider: string

  /** What may wrap for this HSM, best first; one of them is fixed with each root key by a self-test. */
  readonly wrapping: {
    readonly candidates: readonly WrappingAlgorithm[]
    /** The configuration variable that chooses, for error messages. */
    readonly setting: string
  }

  /** Whether an operation that began now could succeed, as far as is known without asking. */
  readonly available: boolean

  /**
   * Makes a permanent RSA-2048 pair whose private half never leaves.
   *
   * @param claim.id 32 characters of a-z and 0-9, the name in the HSM
   * @param claim.place where to make it, as `ReplicatedHsm.choosePlace` said
   */
  createRootKey(claim: { readonly id: string; readonly place?: string | undefined }): Promise<CreatedRootKey>

  /** The public half, freshly read; `undefined` if the HSM has no such key. The caller checks what it got. */
  getPublicKey(rootKey: RootKeyReference): Promise<KeyObject | undefined>

  /**
   * Whether the private half is still what `createRootKey` makes, as far as the HSM can tell: made inside, never out
   * of it, for unwrapping alone. Read from the HSM, each time.
   *
   * @returns undefined if so, else why not, as `it can be exported`; a key that is not there is not what was made
   */
  checkRootKeyOrigin(rootKey: RootKeyOrigin): Promise<string | undefined>

  /** 32 bytes made inside the HSM, gone from there soon after this resolves. The caller disposes. */
  generateDataKey(): Promise<SecretBytes>

  /**
   * Undoes the wrapping with the private half, inside the HSM.
   *
   * What the HSM cannot open is an answer, not a failure: it resolves to bytes that are not the data key
   * (of any length, mostly none), so that no caller can tell the ways apart. The caller disposes.
   *
   * @param wrapped 256 bytes
   */
  unwrapDataKey(rootKey: RootKeyReference, wrapped: Uint8Array, options?: UnwrapOptions): Promise<SecretBytes>

  /** Ends every session; bounded in time. */
  close(): Promise<void>
}

/** Several devices behind one port, kept alike by means outside this program. */
export interface ReplicatedHsm {
  /** A device on which a root key may be made now; recorded in the claim and never changed. */
  choosePlace(): Promise<string>

  /**
   * Resolves when enough devices open a value wrapped with this root key: of a fresh one all that are asked for,
   * of one in use the first. From then on a device that comes, or comes back, must do so before it serves.
   *
   * @throws KmsError `start_refused` naming the device that does not
   */
  proveDevices(
    rootKey: RootKeyReference,
    publicKey: KeyObject,
    options: { readonly fresh: boolean },
  ): Promise<void>
}

export const isReplicated = (hsm: HsmPort): hsm is HsmPort & ReplicatedHsm => 'proveDevices' in hsm

/** For vendors whose names are not unique: the maker of a second pair takes its own away again. */
export interface RootKeyRemoval {
  /** Destroys the pair of that name and that public half, and no other. */
  destroyRootKey(rootKey: { readonly id: string; readonly publicKeySha256: string }): Promise<void>
}

export const canRemoveRootKeys = (hsm: HsmPort): hsm is HsmPort & RootKeyRemoval => 'destroyRootKey' in hsm
