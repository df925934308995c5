import type { MongoClient } from 'mongodb'
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
import { AuditHeads } from './audit-heads.ts'
import { answerIn, Calls, persist } from './calls.ts'
import { newClient, watch } from './client.ts'
import { type Collections, collectionsOf } from './documents.ts'
import {
  DEADLINE_MS,
  databaseNameOf,
  databaseOptions,
  MAX_POOL_SIZE,
  MAX_QUEUE,
  type MongoOptions,
} from './options.ts'
import { PrivateKeys } from './private-keys.ts'
import { RootKeys } from './root-keys.ts'
import { checkSchema, ping } from './schema.ts'
import { startFailure } from './start-failure.ts'
import { StoreRecords } from './store-record.ts'

/** Shared by any number of instances. Every change is one document's, and on disk at a majority of the members. */
class MongoKeyRepository implements KeyRepositoryPort, AuditHeadRepository {
  readonly #calls: Calls
  readonly #collections: Collections
  readonly #privateKeys: PrivateKeys
  readonly #rootKeys: RootKeys
  readonly #auditHeads: AuditHeads
  readonly #store: StoreRecords
  readonly #disconnect: () => Promise<void>
  #closing: Promise<void> | undefined

  constructor(calls: Calls, collections: Collections, disconnect: () => Promise<void>) {
    this.#calls = calls
    this.#collections = collections
    this.#privateKeys = new PrivateKeys(collections.privateKeys)
    this.#rootKeys = new RootKeys(collections.rootKeys)
    this.#auditHeads = new AuditHeads(collections.auditHeads)
    this.#store = new StoreRecords(collections.store)
    this.#disconnect = disconnect
  }

  async insertPrivateKey(row: PrivateKeyRow): Promise<void> {
    await this.#calls.run((deadline) => this.#privateKeys.insert(row, deadline))
  }

  async findPrivateKey(identity: KeyIdentity): Promise<PrivateKeyRow | undefined> {
    return await this.#calls.run(async (deadline) => {
      const found = await this.#privateKeys.find(identity, deadline)
      if (found !== undefined) return found
      // A primary that was deposed and does not know it yet may lack the newest rows, and a key that is there must
      // not be called missing: only a primary that a majority follows can confirm a write.
      await persist(deadline, () => ping(this.#collections))
      return await this.#privateKeys.find(identity, deadline)
    })
  }

  async listPrivateKeys(options: ListOptions): Promise<readonly PrivateKeyRow[]> {
    return await this.#calls.run((deadline) => this.#privateKeys.list(options, deadline))
  }

  async replaceWrapping(identity: KeyIdentity, expected: RowWrapping, next: RowWrapping): Promise<boolean> {
    return await this.#calls.run(() => this.#privateKeys.replaceWrapping(identity, expected, next))
  }

  async rootKeysInUse(): Promise<readonly string[]> {
    return await this.#calls.run(() => this.#privateKeys.rootKeysInUse())
  }

  async countByRootKey(): Promise<readonly RootKeyCount[]> {
    return await this.#calls.run(() => this.#privateKeys.countByRootKey())
  }

  async findRootKey(id: string): Promise<RootKey | undefined> {
    return (await this.listRootKeys()).find((rootKey) => rootKey.id === id)
  }

  async listRootKeys(): Promise<readonly RootKey[]> {
    return await this.#calls.run((deadline) => this.#rootKeys.list(deadline))
  }

  async claimRootKey(claim: ClaimedRootKey): Promise<RootKey> {
    return await this.#calls.run((deadline) => this.#rootKeys.claim(structuredClone(claim), deadline))
  }

  async renewClaim(
    expected: ClaimedRootKey,
    next: Pick<ClaimedRootKey, 'owner' | 'leaseUntil'>,
  ): Promise<RootKey> {
    const [mine, lease] = structuredClone([expected, next] as const)
    return await this.#calls.run((deadline) => this.#rootKeys.renew(mine, lease, deadline))
  }

  async activateRootKey(rootKey: ActiveRootKey): Promise<RootKey> {
    return await this.#calls.run((deadline) => this.#rootKeys.activate(structuredClone(rootKey), deadline))
  }

  async saveAuditHead(head: AuditHead): Promise<void> {
    await this.#calls.run((deadline) => this.#auditHeads.save(head, deadline))
  }

  async listAuditHeads(): Promise<readonly AuditHead[]> {
    return await this.#calls.run((deadline) => this.#auditHeads.list(deadline))
  }

  async findStore(): Promise<StoreRecord | undefined> {
    return await this.#calls.run((deadline) => this.#store.find(deadline))
  }

  async createStore(record: StoreRecord): Promise<StoreRecord> {
    return await this.#calls.run((deadline) => this.#store.create(structuredClone(record), deadline))
  }

  async replaceStore(expected: StoreRecord, next: StoreRecord): Promise<boolean> {
    const [held, wanted] = structuredClone([expected, next] as const)
    return await this.#calls.run((deadline) => this.#store.replace(held, wanted, deadline))
  }

  async ping(): Promise<void> {
    await this.#calls.run(() => ping(this.#collections))
  }

  close(): Promise<void> {
    this.#closing ??= this.#calls.end().then(this.#disconnect)
    return this.#closing
  }
}

/** What does not answer is left behind. */
const disconnect = async (client: MongoClient, deadlineMs: number): Promise<void> => {
  await answerIn(deadlineMs, client.close()).catch(() => undefined)
}

/**
 * Connects, and makes what is missing in an empty database, if it may.
 *
 * @throws KmsError `start_refused` for a URL or credentials that can't work, or a database that is newer than this
 *   program or another's; `store_unavailable` if the store does not answer before the deadline
 */
export const openMongoKeyRepository = async ({
  url,
  logger,
  mayCreate = true,
  deadlineMs = DEADLINE_MS,
  maxPoolSize = MAX_POOL_SIZE,
  maxQueue = MAX_QUEUE,
}: MongoOptions): Promise<KeyRepositoryPort & AuditHeadRepository> => {
  const client = newClient(url, deadlineMs, maxPoolSize)
  const collections = collectionsOf(client.db(databaseNameOf(url), databaseOptions(deadlineMs)))
  try {
    await answerIn(
      deadlineMs,
      client.connect().then(() => checkSchema(collections, mayCreate)),
    )
  } catch (error) {
    void disconnect(client, deadlineMs)
    throw startFailure(error)
  }
  watch(client, logger)
  return new MongoKeyRepository(new Calls(deadlineMs, maxQueue), collections, () =>
    disconnect(client, deadlineMs),
  )
}
