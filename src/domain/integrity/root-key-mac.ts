import { canonicalBytes } from '../canonical-bytes.ts'
import type { ActiveRootKey } from '../root-key.ts'
import type { IntegrityKey } from './integrity-key.ts'

export type UnauthenticatedRootKey = Omit<ActiveRootKey, 'mac'>

const bytesOf = ({ createdAt, ...rest }: UnauthenticatedRootKey): Buffer => {
  const { id, provider, scope, state, algorithm, publicKeySha256 } = rest
  return canonicalBytes('cofre/root-key/v1', {
    ...{ id, provider, scope, state, algorithm, publicKeySha256 },
    createdAt: createdAt.toISOString(),
  })
}

export const authenticatedRootKey = (
  { rootKeys }: IntegrityKey,
  rootKey: UnauthenticatedRootKey,
): ActiveRootKey => ({ ...rootKey, mac: rootKeys.macHex(bytesOf(rootKey)) })

export const isAuthenticRootKey = ({ rootKeys }: IntegrityKey, rootKey: ActiveRootKey): boolean =>
  rootKeys.matchesHex(bytesOf(rootKey), rootKey.mac)
