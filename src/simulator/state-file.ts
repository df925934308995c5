import { createPrivateKey } from 'node:crypto'
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { SecretBytes } from '../domain/secret-bytes.ts'
import type { ServerCertificate } from './certificate.ts'
import type { NamedObject } from './object-store.ts'

const VERSION = 1
const OWNER_ONLY = 0o600
const WARNING =
  'This file holds root keys and a TLS key in clear. It belongs to the HSM simulator and is for development only.'

const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$' })
const Common = { name: Type.String({ minLength: 1 }), exportable: Type.Boolean() }
const StateSchema = Type.Object({
  warning: Type.String(),
  version: Type.Literal(VERSION),
  certificate: Type.Object({ key: Type.String(), cert: Type.String() }),
  objects: Type.Array(
    Type.Union([
      Type.Object({ ...Common, kind: Type.Literal('aes'), key: Base64 }),
      Type.Object({ ...Common, kind: Type.Literal('rsa'), pkcs8: Base64 }),
    ]),
  ),
})
type StateText = Static<typeof StateSchema>
type ObjectText = StateText['objects'][number]

export interface State {
  readonly certificate: ServerCertificate
  readonly objects: readonly NamedObject[]
}

const toText = ([name, object]: NamedObject): ObjectText => {
  const { exportable } = object
  if (object.kind === 'aes')
    return { name, exportable, kind: 'aes', key: object.key.bytes.toString('base64') }
  const der = object.privateKey.export({ type: 'pkcs8', format: 'der' })
  return { name, exportable, kind: 'rsa', pkcs8: der.toString('base64') }
}

const fromText = (text: ObjectText): NamedObject => {
  const { name, exportable } = text
  if (text.kind === 'aes') {
    return [name, { kind: 'aes', exportable, key: SecretBytes.take(Buffer.from(text.key, 'base64')) }]
  }
  const key = Buffer.from(text.pkcs8, 'base64')
  return [
    name,
    { kind: 'rsa', exportable, privateKey: createPrivateKey({ key, type: 'pkcs8', format: 'der' }) },
  ]
}

const parse = (text: string): StateText => {
  const value: unknown = JSON.parse(text)
  if (!Value.Check(StateSchema, value)) throw new Error(`not a state of version ${VERSION}`)
  return value
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** What tells one content of the file from the next: every write makes a new file. */
const fingerprint = async (path: string): Promise<string | undefined> => {
  try {
    const { ino, mtimeNs } = await stat(path, { bigint: true })
    return `${ino}:${mtimeNs}`
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const syncFolder = async (folder: string): Promise<void> => {
  // Windows has no such call for folders.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The file is at every moment the old state or the new one, whole, and readable by its owner alone. */
const replace = async (path: string, text: string): Promise<void> => {
  const temporary = `${path}.tmp`
  await rm(temporary, { force: true })
  try {
    const handle = await open(temporary, 'wx', OWNER_ONLY)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** The simulator's state on disk. One process at a time: it notices another's write and then refuses its own. */
export class StateFile {
  readonly #path: string
  #seen: string | undefined

  constructor(path: string) {
    this.#path = path
  }

  /**
   * @returns `undefined` if there is no file yet
   * @throws Error if it can't be read or understood; its content is in no message
   */
  async read(): Promise<State | undefined> {
    this.#seen = await fingerprint(this.#path)
    if (this.#seen === undefined) return undefined
    await chmod(this.#path, OWNER_ONLY)
    const text = await readFile(this.#path, 'utf8')
    try {
      const { certificate, objects } = parse(text)
      return { certificate, objects: objects.map(fromText) }
    } catch {
      // The parser's own error would quote the text, which holds keys.
      throw new Error(`${this.#path} is not a simulator state of version ${VERSION}; it was left as it is`)
    }
  }

  /**
   * Resolves when the state is on disk, through a power cut too.
   *
   * @throws Error if another process wrote the file meanwhile: its keys are not overwritten
   */
  async write({ certificate, objects }: State): Promise<void> {
    if ((await fingerprint(this.#path)) !== this.#seen) {
      throw new Error(`${this.#path} was changed by another process`)
    }
    const state: StateText = { warning: WARNING, version: VERSION, certificate, objects: objects.map(toText) }
    await replace(this.#path, `${JSON.stringify(state, null, 2)}\n`)
    this.#seen = await fingerprint(this.#path)
  }
}
