import type { KeyOperations } from '../operations.ts'
import type { UseCaseContext } from './context.ts'
import { decryptDataKey } from './decrypt-data-key.ts'
import { generateDataKey } from './generate-data-key.ts'
import { getPrivateKey } from './get-private-key.ts'
import { storePrivateKey } from './store-private-key.ts'

/** The four operations. */
export const keyOperations = (context: UseCaseContext): KeyOperations => ({
  storePrivateKey: storePrivateKey(context),
  getPrivateKey: getPrivateKey(context),
  generateDataKey: generateDataKey(context),
  decryptDataKey: decryptDataKey(context),
})
