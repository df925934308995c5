import type { KeyObject } from 'node:crypto'
import type { WrappingAlgorithm } from '../domain/root-key.ts'
import type { SecretBytes } from '../domain/secret-bytes.ts'

/**
 * A hardware security module of one vendor. Every method ends within a deadline of the adapter's.
 *
 * @throws KmsError `hsm_unavailable` where the HSM, the way to it or its answer is at fault
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

  /**
   * Makes a permanent RSA-2048 pair whose private half never leaves.
   *
   * @param id 32 characters of a-z and 0-9, the name in the HSM
   * @returns `exists` where the HSM has an object of that name already; it is not touched
   */
  createRootKey(id: string): Promise<'created' | 'exists'>

  /** The public half; `undefined` if the HSM has no such key. RSA-2048 is not promised: the caller checks. */
  getPublicKey(id: string): Promise<KeyObject | undefined>

  /** 32 bytes made inside the HSM, gone from there when this resolves. The caller disposes. */
  generateDataKey(): Promise<SecretBytes>

  /**
   * Undoes the wrapping with the private half, inside the HSM.
   *
   * What the HSM cannot open is an answer, not a failure: it resolves to bytes that are not the data key
   * (of any length, mostly none), so that no caller can tell the ways apart. The caller disposes.
   *
   * @param wrapped 256 bytes
   */
  unwrapDataKey(rootKey: { id: string; algorithm: WrappingAlgorithm }, wrapped: Uint8Array): Promise<SecretBytes>

  /** Ends every session; bounded in time. */
  close(): Promise<void>
}
