import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { KmsError } from '../../domain/errors.ts'
import type { NamedFile, NamedText, TlsSettings } from './tls-settings.ts'

const MAX_BYTES = 1024 * 1024

/** The contents of the files, as they are. */
export interface TlsFiles {
  readonly certificate: Buffer
  readonly key: Buffer
  readonly authorities: Buffer | undefined
  readonly fingerprints: string | undefined
  /** Of all of it: the same as long as nothing changed. */
  readonly digest: string
}

/** @throws KmsError `start_refused` naming the variable */
const readNamed = async ({ variable, path }: NamedFile): Promise<Buffer> => {
  const refuse = (reason: string, cause?: unknown): KmsError =>
    new KmsError('start_refused', { message: `${variable}: ${path} ${reason}`, cause })
  let content: Buffer
  try {
    if ((await stat(path)).size > MAX_BYTES) throw refuse(`is larger than ${MAX_BYTES} bytes`)
    content = await readFile(path)
  } catch (cause) {
    if (KmsError.is(cause)) throw cause
    throw refuse(`can't be read (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
  if (content.length === 0) throw refuse('is empty')
  return content
}

const readIfNamed = async (file: NamedFile | undefined): Promise<Buffer | undefined> =>
  file === undefined ? undefined : await readNamed(file)

const textOf = async (source: NamedFile | NamedText | undefined): Promise<string | undefined> =>
  source !== undefined && 'text' in source ? source.text : (await readIfNamed(source))?.toString()

const digestOf = (contents: readonly (Buffer | string | undefined)[]): string => {
  const hash = createHash('sha256')
  for (const content of contents) {
    hash.update(`${content === undefined ? -1 : Buffer.byteLength(content)}:`).update(content ?? '')
  }
  return hash.digest('hex')
}

/** The caller wipes the key. @throws KmsError `start_refused` naming every variable whose file can't be read */
export const readTlsFiles = async (settings: TlsSettings): Promise<TlsFiles> => {
  const read = await Promise.allSettled([
    readNamed(settings.certificate),
    readNamed(settings.key),
    readIfNamed(settings.selfSigned ? undefined : settings.authorities),
    textOf(settings.fingerprints),
  ])
  const problems = read.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
  const [certificate, key, authorities, fingerprints] = read
  if (
    certificate.status === 'rejected' ||
    key.status === 'rejected' ||
    authorities.status === 'rejected' ||
    fingerprints.status === 'rejected'
  ) {
    if (key.status === 'fulfilled') key.value.fill(0)
    throw new KmsError('start_refused', {
      message: problems.map(({ message }: Error) => message).join('\n'),
      cause: problems[0],
    })
  }
  const values = [certificate.value, key.value, authorities.value, fingerprints.value] as const
  return {
    certificate: certificate.value,
    key: key.value,
    authorities: authorities.value,
    fingerprints: fingerprints.value,
    digest: digestOf(values),
  }
}

const OTHERS = 0o006

/** Whether users outside the file's group may read or write it. */
export const isOpenToOthers = async (path: string): Promise<boolean> =>
  process.platform !== 'win32' && ((await stat(path)).mode & OTHERS) !== 0
