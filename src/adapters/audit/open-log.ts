import { createPublicKey, type KeyObject } from 'node:crypto'
import { access, constants, realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { KmsError } from '../../domain/errors.ts'
import type { AuditHeadRepository } from '../../ports/key-repository.port.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { lastEndedFile } from './log-files.ts'
import { readLogTail } from './log-tail.ts'
import { holdsOperations } from './operations-in-log.ts'
import { GENESIS, type Position } from './record.ts'

const refuse = (message: string, cause?: unknown): KmsError =>
  new KmsError('start_refused', { message: `AUDIT_LOG: ${message}`, cause })

/** The folder as it really is, so that two spellings of one file share one lock. */
export const resolveLogPath = async (path: string): Promise<string> => {
  const folder = dirname(resolve(path))
  try {
    const real = await realpath(folder)
    await access(real, constants.W_OK)
    return resolve(real, basename(path))
  } catch (cause) {
    throw refuse(`${folder} must be a folder that this process may write to`, cause)
  }
}

/** @throws KmsError `start_refused` where somebody else has it */
export const lockLog = (path: string): FileLock => {
  const lockPath = `${path}.lock`
  let lock: FileLock | undefined
  try {
    lock = lockFile(lockPath)
  } catch (cause) {
    throw refuse(`${lockPath} can't be locked`, cause)
  }
  if (lock === undefined) throw refuse(`${path} is in use by another process`)
  return lock
}

/** Where a log goes on. */
export interface LogState {
  readonly instance: string
  readonly position: Position
  /** Of the file, in bytes, up to its last checkpoint. */
  readonly size: number
  /** What stands behind it. */
  readonly rest: Buffer
  /** The file before, where the file has nothing of its own yet. */
  readonly continues?: string
}

/**
 * Precondition: the file is locked.
 *
 * @param instance the name of a log that begins here
 * @throws KmsError `start_refused` where the file is not the log of this key, ends before what the store knows, or
 *   tells of operations and the store does not know it: then the keys are in another store
 */
export const findLogState = async (
  path: string,
  { key, instance, heads }: { key: KeyObject; instance: string; heads: AuditHeadRepository },
): Promise<LogState> => {
  const publicKey = createPublicKey(key)
  const state = await stateOf(path, publicKey, instance)
  const { sequence, hash } = state.position
  const known = (await heads.listAuditHeads()).find((head) => head.instance === state.instance)
  if (known === undefined) {
    if (sequence === GENESIS.sequence) return state
    if (state.continues === undefined && !(await holdsOperations(path))) return state
    throw refuse(
      `${path} is the log of ${state.instance}, which the store of DATABASE_URL does not know: it belongs to another ` +
        'store, or the store was lost. Set DATABASE_URL to the store with its keys, or bring that back; to go on ' +
        'without them move the log and all its files away, and a new one begins',
    )
  }
  if (known.sequence < sequence) return state
  if (known.sequence === sequence && known.hash === hash) return state
  throw refuse(
    `${path} ends at record ${sequence}, and the store knows record ${known.sequence} of ${known.instance}: ` +
      'it was cut or altered, or is an old copy; move it away to begin a new log',
  )
}

const stateOf = async (path: string, publicKey: KeyObject, instance: string): Promise<LogState> => {
  const { end, size, rest } = (await readLogTail(path, publicKey)) ?? { size: 0, rest: Buffer.alloc(0) }
  if (end !== undefined) return { instance: end.instance, position: end, size, rest }
  // New, or begun by a rotation that a crash ended before its first checkpoint.
  const before = await lastEndedFile(path)
  if (before === undefined) return { instance, position: GENESIS, size, rest }
  const tail = await readLogTail(before, publicKey)
  if (tail?.end === undefined || tail.rest.length > 0) {
    throw refuse(`${before} is not the whole of an ended log`)
  }
  return { instance: tail.end.instance, position: tail.end, size, rest, continues: basename(before) }
}
