import type { TestContext } from 'node:test'
import type { ActiveRootKey, ClaimedRootKey } from '../../../src/domain/root-key.ts'
import type { StoreRecord } from '../../../src/domain/store-record.ts'
import type {
  AuditHeadRepository,
  KeyRepositoryPort,
  PrivateKeyRow,
} from '../../../src/ports/key-repository.port.ts'

export type Store = KeyRepositoryPort & AuditHeadRepository
export type OpenStore = (t: TestContext) => Promise<Store>

export const rootKeyId = (letter: string): string => letter.repeat(32)

/** A row as the service makes it, in shape and in size. */
export const rowOf = (changes: Partial<PrivateKeyRow> = {}): PrivateKeyRow => ({
  tenant: 'default',
  pub: 'xpub661MyMwAqRbcF',
  source: 'user',
  coin: 'tbtc',
  type: 'independent',
  encryptedPrv: '{"iv":"d3c5","v":1,"iter":10000,"ks":256,"ts":128,"mode":"ccm","adata":"","cipher":"aes"}',
  encryptedDataKey: `cofre1.row.${rootKeyId('a')}.rsa-oaep-sha256.aes-256.b.w.c.t`,
  provider: 'dinamo',
  rootKey: rootKeyId('a'),
  createdAt: new Date('2026-03-04T05:06:07.089Z'),
  version: 1,
  mac: '89abcdef'.repeat(8),
  ...changes,
})

export const claimOf = (changes: Partial<ClaimedRootKey> = {}): ClaimedRootKey => ({
  state: 'claimed',
  id: rootKeyId('a'),
  provider: 'dinamo',
  scope: 'row-user',
  createdAt: new Date('2026-01-02T03:04:05.006Z'),
  owner: 'instance-1',
  leaseUntil: new Date('2026-01-02T03:04:10.006Z'),
  ...changes,
})

export const activeOf = (changes: Partial<ActiveRootKey> = {}): ActiveRootKey => ({
  state: 'active',
  id: rootKeyId('a'),
  provider: 'dinamo',
  scope: 'row-user',
  createdAt: new Date('2026-01-02T03:04:07.008Z'),
  algorithm: 'rsa-oaep-sha256',
  publicKeySha256: '0123456789abcdef'.repeat(4),
  mac: 'fedcba9876543210'.repeat(4),
  ...changes,
})

export const storeOf = (changes: Partial<StoreRecord> = {}): StoreRecord => ({
  id: '00112233'.repeat(4),
  state: 'open',
  integrityKeys: [{ rootKey: rootKeyId('a'), token: `cofre1.integrity.${rootKeyId('a')}` }],
  createdAt: new Date('2026-01-02T03:04:06.007Z'),
  mac: '0a1b2c3d'.repeat(8),
  ...changes,
})

/** How many of the outcomes were which: racing calls have one winner, and nobody knows which. */
export const tally = (outcomes: readonly PromiseSettledResult<unknown>[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) {
    const what = outcome.status === 'fulfilled' ? String(outcome.value) : String(outcome.reason?.code)
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}

export const numbered = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)
