import { resolve } from 'node:path'
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
import type { FoundRow, Lease, StoreColumns } from './messages.ts'
import { auditHeadOf, privateKeyRowOf, rootKeyCountOf, rootKeyIdOf, rootKeyOf, storeOf } from './rows.ts'
import { WorkerClient } from './worker-client.ts'

export interface SqliteOptions {
  /** The database's file; its folder is made if it is missing. */
  readonly path: string
  /** Whether it is made if it is missing; true. */
  readonly mayCreate?: boolean
  /** Milliseconds that a call may take. */
  readonly deadlineMs?: number
  /** Calls that may wait at once; each may hold a row. */
  readonly maxQueue?: number
}

const DEADLINE_MS = 5_000
const MAX_QUEUE = 1_024

const leaseOf = ({ owner, leaseUntil }: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>): Lease => ({
  owner,
  leaseUntil: leaseUntil.toISOString(),
})

/** As the port gives them: a driver of threads copies whatever members an object has. */
const identityOf = ({ tenant, pub, source }: KeyIdentity): KeyIdentity => ({ tenant, pub, source })

const wrappingOf = (row: RowWrapping): RowWrapping => {
  const { encryptedDataKey, provider, rootKey, version, mac } = row
  return { encryptedDataKey, provider, rootKey, version, mac }
}

const storeColumnsOf = ({ id, state, integrityKeys, createdAt, mac }: StoreRecord): StoreColumns => ({
  id,
  state,
  integrityKeys: JSON.stringify(integrityKeys),
  createdAt: createdAt.toISOString(),
  mac,
})

const claimed = (row: FoundRow | undefined): RootKey => {
  if (row === undefined) throw new Error('the root key was never claimed')
  return rootKeyOf(row)
}

/** One file on this machine. Every change is flushed to disk before its promise resolves. */
class SqliteKeyRepository implements KeyRepositoryPort, AuditHeadRepository {
  readonly #worker: WorkerClient

  constructor(worker: WorkerClient) {
    this.#worker = worker
  }

  async insertPrivateKey(row: PrivateKeyRow): Promise<void> {
    const { createdAt } = row
    try {
      await this.#worker.call('insertPrivateKey', { ...row, createdAt: createdAt.toISOString() })
    } catch (error) {
      if (!KmsError.is(error, 'private_key_exists')) throw error
      throw new KmsError('private_key_exists', { subject: { ...identityOf(row) }, cause: error.cause })
    }
  }

  async findPrivateKey(identity: KeyIdentity): Promise<PrivateKeyRow | undefined> {
    const row = await this.#worker.call('findPrivateKey', identityOf(identity))
    return row && privateKeyRowOf(row)
  }

  async listPrivateKeys({ after, limit }: ListOptions): Promise<readonly PrivateKeyRow[]> {
    const options = after === undefined ? { limit } : { after: identityOf(after), limit }
    return (await this.#worker.call('listPrivateKeys', options)).map(privateKeyRowOf)
  }

  async replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): Promise<boolean> {
    const input = [identityOf(identity), wrappingOf(expected), wrappingOf(next)] as const
    return await this.#worker.call('replaceWrapping', ...input)
  }

  async rootKeysInUse(): Promise<readonly string[]> {
    return (await this.#worker.call('rootKeysInUse')).map(rootKeyIdOf)
  }

  async countByRootKey(): Promise<readonly RootKeyCount[]> {
    return (await this.#worker.call('countByRootKey')).map(rootKeyCountOf)
  }

  async findRootKey(id: string): Promise<RootKey | undefined> {
    const row = await this.#worker.call('findRootKey', id)
    return row && rootKeyOf(row)
  }

  async listRootKeys(): Promise<readonly RootKey[]> {
    return (await this.#worker.call('listRootKeys')).map(rootKeyOf)
  }

  async claimRootKey(claim: ClaimedRootKey): Promise<RootKey> {
    const { id, provider, scope, createdAt, place = null } = claim
    const columns = { id, provider, scope, createdAt: createdAt.toISOString(), place, ...leaseOf(claim) }
    const row = await this.#worker.call('claimRootKey', columns)
    if (row === undefined) throw new Error('the root key id belongs to another provider or scope')
    return rootKeyOf(row)
  }

  async renewClaim(
    expected: ClaimedRootKey,
    next: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>,
  ): Promise<RootKey> {
    return claimed(await this.#worker.call('renewClaim', expected.id, leaseOf(expected), leaseOf(next)))
  }

  async activateRootKey(rootKey: ActiveRootKey): Promise<RootKey> {
    const { id, provider, createdAt, algorithm, publicKeySha256, mac } = rootKey
    const columns = { id, provider, createdAt: createdAt.toISOString(), algorithm, publicKeySha256, mac }
    return claimed(await this.#worker.call('activateRootKey', columns))
  }

  async saveAuditHead({ instance, sequence, hash, savedAt }: AuditHead): Promise<void> {
    await this.#worker.call('saveAuditHead', { instance, sequence, hash, savedAt: savedAt.toISOString() })
  }

  async listAuditHeads(): Promise<readonly AuditHead[]> {
    return (await this.#worker.call('listAuditHeads')).map(auditHeadOf)
  }

  async findStore(): Promise<StoreRecord | undefined> {
    const row = await this.#worker.call('findStore')
    return row && storeOf(row)
  }

  async createStore(record: StoreRecord): Promise<StoreRecord> {
    const row = await this.#worker.call('createStore', storeColumnsOf(record))
    if (row === undefined) throw new Error('the store has no record')
    return storeOf(row)
  }

  async replaceStore(expected: StoreRecord, next: StoreRecord): Promise<boolean> {
    return await this.#worker.call('replaceStore', expected.mac, storeColumnsOf(next))
  }

  async ping(): Promise<void> {
    await this.#worker.call('ping')
  }

  async close(): Promise<void> {
    await this.#worker.close()
  }
}

/**
 * Opens the file, made with mode 0600 if it is missing and may be made.
 *
 * @throws KmsError `start_refused` if it is no database of this program or of a newer one's, or cannot be written, or is missing and may not be made;
 *   `store_unavailable` if another process keeps it locked
 */
export const openSqliteKeyRepository = async ({
  path,
  mayCreate = true,
  deadlineMs = DEADLINE_MS,
  maxQueue = MAX_QUEUE,
}: SqliteOptions): Promise<KeyRepositoryPort & AuditHeadRepository> =>
  new SqliteKeyRepository(await WorkerClient.open({ path: resolve(path), mayCreate, deadlineMs, maxQueue }))
