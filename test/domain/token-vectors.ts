import { readFileSync } from 'node:fs'
import type { WrappingAlgorithm } from '../../src/domain/root-key.ts'
import type { TokenPurpose } from '../../src/domain/wrapped-data-key.ts'

/** Byte strings are standard base64. */
export interface TokenVector {
  readonly purpose: TokenPurpose
  readonly algorithm: WrappingAlgorithm
  readonly rootKeyId: string
  readonly dataKey: string
  /** What is bound: the key's description for a row, tenant and owner's name for a client. */
  readonly boundTo:
    | {
        readonly tenant: string
        readonly pub: string
        readonly source: 'user' | 'backup'
        readonly coin: string
        readonly type: string
      }
    | { readonly tenant: string; readonly owner: string }
  /** The canonical encryption context, for a row. */
  readonly context?: string
  readonly binding: string
  readonly wrapped: string
  readonly token: string
}

export interface TokenVectors {
  readonly about: string
  /** The private half that opens every `wrapped`: PKCS#8 DER. Made for this file, and used nowhere else. */
  readonly privateKey: string
  /** The integrity key of the store that made them. */
  readonly integrityKey: string
  readonly vectors: readonly TokenVector[]
}

export const TOKEN_VECTORS = new URL('../vectors/token.json', import.meta.url)

export const readTokenVectors = (): TokenVectors => JSON.parse(readFileSync(TOKEN_VECTORS, 'utf8'))
