import type { KeyObject } from 'node:crypto'
import { lstat, open } from 'node:fs/promises'
import { KmsError } from '../../domain/errors.ts'
import { isCheckpointOf } from './checkpoint.ts'
import { LINE_START, type Position, sha256 } from './record.ts'

/** More than the largest block. */
const WINDOW_BYTES = 4 * 1024 * 1024
const NEWLINE = 0x0a

export interface LogTail {
  /** Undefined where the file has no checkpoint. */
  readonly end?: Position & { readonly instance: string }
  /** Where the last checkpoint's line ends in the file. */
  readonly size: number
  /** What stands behind it. No record is acknowledged before its checkpoint is on disk, so none of this was. */
  readonly rest: Buffer
}

const refuse = (path: string, reason: string): KmsError =>
  new KmsError('start_refused', { message: `AUDIT_LOG: ${path} ${reason}` })

const lookAt = async (path: string): Promise<{ readonly size: number; readonly isFile: boolean }> => {
  const found = await lstat(path)
  if (found.isSymbolicLink()) throw refuse(path, 'is a link: give the file itself')
  return { size: found.size, isFile: found.isFile() }
}

const readEnd = async (
  path: string,
): Promise<{ readonly bytes: Buffer; readonly offset: number } | undefined> => {
  try {
    // Looked at before it is opened: opening a pipe waits for whoever writes into it.
    const { size, isFile } = await lookAt(path)
    if (!isFile) throw refuse(path, 'is not a file')
    await using file = await open(path, 'r')
    const offset = Math.max(0, size - WINDOW_BYTES)
    const bytes = Buffer.alloc(size - offset)
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return { bytes: bytes.subarray(0, filled), offset }
  } catch (error) {
    if (KmsError.is(error)) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw refuse(path, `can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

interface CheckpointLine {
  readonly kind: string
  readonly seq: number
  readonly instance: string
}

const parse = (line: string): Partial<CheckpointLine> | undefined => {
  try {
    return JSON.parse(line) as Partial<CheckpointLine>
  } catch {
    return undefined
  }
}

/**
 * Finds where the log really ends: at its last checkpoint.
 *
 * @returns undefined where there is no file
 * @throws KmsError `start_refused` for a file that is no audit log, or one of another key
 */
export const readLogTail = async (path: string, publicKey: KeyObject): Promise<LogTail | undefined> => {
  const found = await readEnd(path)
  if (found === undefined) return undefined
  const { bytes, offset } = found
  for (let newline = bytes.lastIndexOf(NEWLINE); newline >= 0; ) {
    const before = newline === 0 ? -1 : bytes.lastIndexOf(NEWLINE, newline - 1)
    const raw = bytes.subarray(before + 1, newline)
    const line = raw.toString('utf8')
    const record = parse(line)
    if (record?.kind === 'checkpoint') {
      if (!isCheckpointOf(line, publicKey)) {
        throw refuse(
          path,
          'ends with a checkpoint that AUDIT_KEY did not make; verify it, and move it away to begin a new log',
        )
      }
      const { seq: sequence = 0, instance = '' } = record
      const size = offset + newline + 1
      return {
        end: { sequence, hash: sha256(raw), instance },
        size,
        rest: bytes.subarray(newline + 1),
      }
    }
    newline = before
  }
  const begins = bytes.subarray(0, LINE_START.length).toString('latin1')
  if (offset > 0 || !LINE_START.startsWith(begins)) throw refuse(path, 'is not an audit log')
  return { size: 0, rest: bytes }
}
