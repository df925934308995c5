import { constants } from 'node:fs'
import { access, type FileHandle, open, rename } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { AuditSink } from './audit-sink.ts'
import { endedFilePath } from './log-files.ts'

const OWNER_ONLY = 0o600

/** A new file, or a new name, is only certain when its folder is on disk. */
const syncFolder = async (path: string): Promise<void> => {
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** Windows has no such flag. */
const NO_LINK = constants.O_NOFOLLOW ?? 0

/** Never through a link, which somebody else may turn elsewhere; readable by its owner alone, as it was or not. */
const openForWriting = async (path: string): Promise<FileHandle> => {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | NO_LINK, OWNER_ONLY)
  try {
    await handle.chmod(OWNER_ONLY)
    await syncFolder(path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** The part of a file handle that is used, so that a test can have a disk that misbehaves. */
export type SinkHandle = Pick<FileHandle, 'write' | 'truncate' | 'datasync' | 'close'>

export interface FileSinkOptions {
  readonly path: string
  /** Where the log ends in the file; what stands behind is cut off before the first write. */
  readonly size: number
  readonly openHandle?: (path: string) => Promise<SinkHandle>
}

/** One file; what a failed write left of itself is cut off before the next one. */
export class FileSink implements AuditSink {
  readonly #path: string
  readonly #open: (path: string) => Promise<SinkHandle>
  #handle: SinkHandle | undefined
  #size: number
  /** Something that does not count may stand behind `#size`. */
  #dirty = true
  /** The name under which the file was put aside, while the next one is not open. */
  #endedAs: string | undefined

  constructor({ path, size, openHandle = openForWriting }: FileSinkOptions) {
    this.#path = path
    this.#open = openHandle
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#handle ??= await this.#open(this.#path)
    const handle = this.#handle
    await this.#repair(handle)
    this.#dirty = true
    try {
      await writeAll(handle, bytes, this.#size)
      await handle.datasync()
    } catch (error) {
      // At once, so that the file is whole for whoever reads it; if that fails too the next write does it.
      await this.#repair(handle).catch(() => undefined)
      throw error
    }
    this.#size += bytes.length
    this.#dirty = false
  }

  async rotate(lastSequence: number): Promise<string> {
    const ended = endedFilePath(this.#path, lastSequence)
    await this.close()
    if (this.#endedAs === undefined) {
      if (await exists(ended)) throw new Error(`${ended} exists already`)
      await rename(this.#path, ended)
      this.#endedAs = ended
    }
    this.#handle = await this.#open(this.#path)
    this.#endedAs = undefined
    this.#size = 0
    this.#dirty = true
    return basename(ended)
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #repair(handle: SinkHandle): Promise<void> {
    if (!this.#dirty) return
    await handle.truncate(this.#size)
    await handle.datasync()
    this.#dirty = false
  }
}

/** A full disk takes a part first and refuses the rest then. */
const writeAll = async (handle: SinkHandle, bytes: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw new Error('the file takes no more bytes')
    done += bytesWritten
  }
}
