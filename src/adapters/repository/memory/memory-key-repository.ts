import { KmsError } from '../../../domain/errors.ts'
import type { KeyIdentity } from '../../../domain/private-key.ts'
import type { ActiveRootKey, ClaimedRootKey, RootKey } from '../../../domain/root-key.ts'
import type { StoreRecord } from '../../../domain/store-record.ts'
import type {
  AuditHead,
  AuditHeadRepository,
  KeyRepositoryPort,
  ListOptions,
  PrivateKeyRow,
  RootKeyCount,
  RowWrapping,
} from '../../../ports/key-repository.port.ts'

/** Tenant and source hold no colon, so that no two identities share a key; in the order of these keys rows are listed. */
const keyOf = ({ tenant, pub, source }: KeyIdentity): string => `${tenant}:${source}:${pub}`

/** As text of UTF-16 units, which for ASCII is the order of the bytes. */
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

const isWrappedAs = (row: PrivateKeyRow, expected: RowWrapping): boolean =>
  row.encryptedDataKey === expected.encryptedDataKey &&
  row.rootKey === expected.rootKey &&
  row.provider === expected.provider &&
  row.version === expected.version &&
  row.mac === expected.mac

const isClaimOf = (held: RootKey, { owner, leaseUntil }: ClaimedRootKey): held is ClaimedRootKey =>
  held.state === 'claimed' && held.owner === owner && held.leaseUntil.getTime() === leaseUntil.getTime()

/**
 * Nothing outlives the process: for tests and for trying the service out. Every method does its work before it
 * yields, so that calls that race are one after the other here.
 */
class MemoryKeyRepository implements KeyRepositoryPort, AuditHeadRepository {
  readonly #rows = new Map<string, PrivateKeyRow>()
  /** A map keeps the order of the claims, also when a claim is replaced. */
  readonly #rootKeys = new Map<string, RootKey>()
  #store: StoreRecord | undefined
  readonly #heads = new Map<string, AuditHead>()
  #closed = false

  async insertPrivateKey(row: PrivateKeyRow): Promise<void> {
    this.#checkOpen()
    const { tenant, pub, source } = row
    const key = keyOf(row)
    if (this.#rows.has(key)) throw new KmsError('private_key_exists', { subject: { tenant, pub, source } })
    this.#rows.set(key, structuredClone(row))
  }

  async findPrivateKey(identity: KeyIdentity): Promise<PrivateKeyRow | undefined> {
    this.#checkOpen()
    return structuredClone(this.#rows.get(keyOf(identity)))
  }

  async listPrivateKeys({ after, limit }: ListOptions): Promise<readonly PrivateKeyRow[]> {
    this.#checkOpen()
    const cursor = after === undefined ? '' : keyOf(after)
    const rows = [...this.#rows].filter(([key]) => key > cursor).sort(byKey)
    return rows.slice(0, limit).map(([, row]) => structuredClone(row))
  }

  async replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): Promise<boolean> {
    this.#checkOpen()
    const key = keyOf(identity)
    const row = this.#rows.get(key)
    if (row === undefined || !isWrappedAs(row, expected)) return false
    const { encryptedDataKey, provider, rootKey, version, mac } = next
    this.#rows.set(key, { ...row, encryptedDataKey, provider, rootKey, version, mac })
    return true
  }

  async rootKeysInUse(): Promise<readonly string[]> {
    this.#checkOpen()
    return [...new Set(Array.from(this.#rows.values(), ({ rootKey }) => rootKey))]
  }

  async countByRootKey(): Promise<readonly RootKeyCount[]> {
    this.#checkOpen()
    const counts = new Map<string, RootKeyCount>()
    for (const { rootKey, provider } of this.#rows.values()) {
      const key = `${rootKey}:${provider}`
      counts.set(key, { rootKey, provider, rows: (counts.get(key)?.rows ?? 0) + 1 })
    }
    return [...counts].sort(byKey).map(([, count]) => count)
  }

  async findRootKey(id: string): Promise<RootKey | undefined> {
    this.#checkOpen()
    return structuredClone(this.#rootKeys.get(id))
  }

  async listRootKeys(): Promise<readonly RootKey[]> {
    this.#checkOpen()
    return Array.from(this.#rootKeys.values(), (rootKey) => structuredClone(rootKey))
  }

  async claimRootKey(claim: ClaimedRootKey): Promise<RootKey> {
    this.#checkOpen()
    const first = this.#rootKeys
      .values()
      .find(({ provider, scope }) => provider === claim.provider && scope === claim.scope)
    if (first !== undefined) return structuredClone(first)
    if (this.#rootKeys.has(claim.id)) throw new Error('the root key id belongs to another provider or scope')
    return this.#hold(claim)
  }

  async renewClaim(
    expected: ClaimedRootKey,
    { owner, leaseUntil }: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>,
  ): Promise<RootKey> {
    this.#checkOpen()
    const held = this.#heldUnder(expected.id)
    return isClaimOf(held, expected) ? this.#hold({ ...held, owner, leaseUntil }) : structuredClone(held)
  }

  async activateRootKey(rootKey: ActiveRootKey): Promise<RootKey> {
    this.#checkOpen()
    const held = this.#heldUnder(rootKey.id)
    const isClaim = held.state === 'claimed' && held.provider === rootKey.provider
    return isClaim ? this.#hold(rootKey) : structuredClone(held)
  }

  async saveAuditHead(head: AuditHead): Promise<void> {
    this.#checkOpen()
    const kept = this.#heads.get(head.instance)
    if (kept === undefined || kept.sequence <= head.sequence)
      this.#heads.set(head.instance, structuredClone(head))
  }

  async listAuditHeads(): Promise<readonly AuditHead[]> {
    this.#checkOpen()
    return [...this.#heads].sort(byKey).map(([, head]) => structuredClone(head))
  }

  async findStore(): Promise<StoreRecord | undefined> {
    this.#checkOpen()
    return structuredClone(this.#store)
  }

  async createStore(record: StoreRecord): Promise<StoreRecord> {
    this.#checkOpen()
    this.#store ??= structuredClone(record)
    return structuredClone(this.#store)
  }

  async replaceStore({ mac }: StoreRecord, next: StoreRecord): Promise<boolean> {
    this.#checkOpen()
    if (this.#store?.mac !== mac) return false
    this.#store = structuredClone(next)
    return true
  }

  async ping(): Promise<void> {
    this.#checkOpen()
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #heldUnder(id: string): RootKey {
    const held = this.#rootKeys.get(id)
    if (held === undefined) throw new Error('the root key was never claimed')
    return held
  }

  #hold(rootKey: RootKey): RootKey {
    this.#rootKeys.set(rootKey.id, structuredClone(rootKey))
    return structuredClone(rootKey)
  }

  #checkOpen(): void {
    if (this.#closed) throw new KmsError('store_unavailable', { cause: new Error('the store was closed') })
  }
}

/** An empty store of its own. */
export const openMemoryKeyRepository = async (): Promise<KeyRepositoryPort & AuditHeadRepository> =>
  new MemoryKeyRepository()
