import { DEFAULT_TENANT, type KeyDescription } from './private-key.ts'

export const OPERATIONS = ['storePrivateKey', 'getPrivateKey', 'generateDataKey', 'decryptDataKey'] as const
export type OperationName = (typeof OPERATIONS)[number]

/** Who asks, and what it may do. */
export interface Caller {
  /** The name in the policy; empty where there is no policy. Data keys made for it are bound to it. */
  readonly owner: string

  /** Whose private keys it works with. */
  readonly tenant: string

  /** Whose data keys it may open: its own name, and those that share with it. */
  readonly opensDataKeysOf: readonly string[]

  /**
   * @param key what is known so far of the key it is about, for the operations on private keys
   * @throws KmsError `forbidden`
   */
  authorize(operation: OperationName, key?: Partial<KeyDescription>): void
}

/** May do everything: where there is no policy. */
export const UNRESTRICTED: Caller = {
  owner: '',
  tenant: DEFAULT_TENANT,
  opensDataKeysOf: [''],
  authorize: () => undefined,
}
