import {
  isRootKeyScope,
  isWrappingAlgorithm,
  ROOT_KEY_ID,
  type RootKey,
  type RootKeyScope,
  type WrappingAlgorithm,
} from '../../../domain/root-key.ts'
import type { RootKeyFields } from './documents.ts'
import { check, date, reading, SHA_256, text } from './reading.ts'

export const fieldsOf = ({ createdAt, ...rootKey }: RootKey): RootKeyFields => ({
  ...rootKey,
  created_at: createdAt,
})

export const rootKeyOf = reading(['id', 'provider'], (found): RootKey => {
  const scope = text(found, 'scope')
  check(isRootKeyScope(scope), 'scope')
  const common = {
    scope: scope as RootKeyScope,
    id: text(found, 'id', ROOT_KEY_ID),
    provider: text(found, 'provider'),
    createdAt: date(found, 'created_at'),
  }
  const state = text(found, 'state', /^(claimed|active)$/)
  if (state === 'claimed') {
    const lease = { owner: text(found, 'owner'), leaseUntil: date(found, 'leaseUntil') }
    const place = found.place === undefined ? {} : { place: text(found, 'place') }
    return { state, ...common, ...lease, ...place }
  }
  const algorithm = text(found, 'algorithm')
  check(isWrappingAlgorithm(algorithm), 'algorithm')
  return {
    state: 'active',
    ...common,
    algorithm: algorithm as WrappingAlgorithm,
    publicKeySha256: text(found, 'publicKeySha256', SHA_256),
    mac: text(found, 'mac', SHA_256),
  }
})
