import type { KeyObject } from 'node:crypto'
import type { HsmPort } from '../../ports/hsm.port.ts'
import { KmsError } from '../errors.ts'
import type { FillRandom } from '../random.ts'
import type { RootKeyReference } from '../root-key.ts'
import type { SecretBytes } from '../secret-bytes.ts'
import type { StoreRecord, WrappedIntegrityKey } from '../store-record.ts'
import { openToken } from '../use-cases/open-token.ts'
import { newDataKey, wrapDataKey } from '../use-cases/wrap-data-key.ts'
import { isBoundTo, type ParsedToken, parseToken, storeBinding, tagMatches } from '../wrapped-data-key.ts'
import { IntegrityKey } from './integrity-key.ts'
import { authenticatedStore, isAuthenticStore } from './store-mac.ts'

/** A root key whose public half came from the HSM and was proven there; its record need not be authentic yet. */
export interface ProvenRootKey {
  readonly hsm: HsmPort
  readonly rootKey: RootKeyReference
  readonly publicKey: KeyObject
}

/** The integrity key at a start, and the record that it stands in. The start disposes of `key`. */
export interface OpenedStore {
  readonly record: StoreRecord
  /** 32 bytes: to wrap it under one root key more. */
  readonly key: SecretBytes
  readonly integrity: IntegrityKey
  readonly anchor: string
}

const refused = (message: string): KmsError => new KmsError('start_refused', { message })

const altered = (): KmsError =>
  refused(
    'The record of this store does not fit its integrity key: it was altered, or comes from another store.',
  )

const openedOf = (record: StoreRecord, key: SecretBytes): OpenedStore => {
  const integrity = new IntegrityKey(key)
  return { record, key, integrity, anchor: integrity.anchorOf(record.id) }
}

const tokenUnder = (record: StoreRecord, rootKey: RootKeyReference): ParsedToken | undefined => {
  const entry = record.integrityKeys.find((each) => each.rootKey === rootKey.id)
  if (entry === undefined) return undefined
  const token = parseToken(entry.token)
  const fits =
    token?.purpose === 'integrity' &&
    token.rootKeyId === rootKey.id &&
    token.algorithm === rootKey.algorithm &&
    isBoundTo(token, [storeBinding(record.id)])
  if (!fits) throw altered()
  return token
}

/**
 * Opens the integrity key with that root key. Its token can be authenticated only by what is in it: whoever made
 * another record with another integrity key passes here, and has another anchor.
 *
 * @returns undefined if the record has no integrity key under this root key, or it does not open
 * @throws KmsError `start_refused` if the record is not what this service wrote, or as the HSM fails
 */
export const openStore = async (
  record: StoreRecord,
  { hsm, rootKey }: Pick<ProvenRootKey, 'hsm' | 'rootKey'>,
  random: FillRandom,
): Promise<OpenedStore | undefined> => {
  const token = tokenUnder(record, rootKey)
  if (token === undefined) return undefined
  const key = await openToken({ hsm, rootKey }, token, random)
  if (key === undefined) return undefined
  const opened = openedOf(record, key)
  if (tagMatches(token, opened.integrity) && isAuthenticStore(opened.integrity, record)) return opened
  opened.integrity[Symbol.dispose]()
  key[Symbol.dispose]()
  throw altered()
}

const wrapUnder = (
  { rootKey, publicKey }: ProvenRootKey,
  storeId: string,
  key: SecretBytes,
  integrity: IntegrityKey,
): WrappedIntegrityKey => {
  const bound = { purpose: 'integrity', binding: storeBinding(storeId) } as const
  return { rootKey: rootKey.id, token: wrapDataKey({ rootKey, publicKey }, key, bound, integrity) }
}

/** A new record with an integrity key that the HSM makes, under that root key. */
export const newStore = async (
  proven: ProvenRootKey,
  random: FillRandom,
  createdAt: Date,
): Promise<OpenedStore> => {
  const id = Buffer.from(random(new Uint8Array(16))).toString('hex')
  const key = await newDataKey(proven)
  const integrity = new IntegrityKey(key)
  const integrityKeys = [wrapUnder(proven, id, key, integrity)]
  const record = authenticatedStore(integrity, { id, state: 'open', integrityKeys, createdAt })
  return { record, key, integrity, anchor: integrity.anchorOf(id) }
}

/** The record with the integrity key under that root key as well. */
export const withRootKey = ({ record, key, integrity }: OpenedStore, proven: ProvenRootKey): StoreRecord => {
  const added = wrapUnder(proven, record.id, key, integrity)
  const others = record.integrityKeys.filter(({ rootKey }) => rootKey !== added.rootKey)
  return authenticatedStore(integrity, { ...record, integrityKeys: [...others, added] })
}

/** The record after its anchor was given out. */
export const finishedStore = (record: StoreRecord, integrity: IntegrityKey): StoreRecord =>
  authenticatedStore(integrity, { ...record, state: 'finished' })
