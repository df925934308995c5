import { canonicalBytes } from './canonical-bytes.ts'
import type { KeyDescription } from './private-key.ts'

/**
 * The canonical bytes that a private key's envelope and its row token are bound to. The root key is not in it (the
 * token binds that), so that a rewrap never touches an envelope.
 */
export const encryptionContext = ({ tenant, pub, source, coin, type }: KeyDescription): Buffer =>
  canonicalBytes('cofre/context/v1', { tenant, pub, source, coin, type })
