import { createPrivateKey, type KeyObject, sign, verify } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { ROOT_KEY_SCOPES } from '../../domain/root-key.ts'
import type { RootKeyring } from '../../domain/root-keys/root-keyring.ts'

const FORMAT = 'cofre-init/v1'
const OWNER_ONLY = 0o600

/** What a ceremony made, and who saw it. Nothing in it is secret. */
export interface Transcript {
  readonly format: typeof FORMAT
  readonly finishedAt: string
  readonly program: string
  readonly witnesses: readonly string[]
  readonly storeId: string
  readonly anchor: string
  readonly rootKeys: readonly {
    readonly id: string
    readonly provider: string
    readonly scope: string
    readonly algorithm: string
    readonly publicKeySha256: string
    /** PEM of the public half. */
    readonly publicKey: string
    /** What the HSM was asked, and did. */
    readonly selfTest: 'passed'
  }[]
}

export const transcriptOf = (
  keyring: RootKeyring,
  witnesses: readonly string[],
  program: string,
): Transcript => {
  return {
    format: FORMAT,
    finishedAt: new Date().toISOString(),
    program,
    witnesses,
    storeId: keyring.store.id,
    anchor: keyring.store.anchor,
    rootKeys: ROOT_KEY_SCOPES.map((scope) => {
      const { rootKey, publicKey } = keyring.wrapping(scope)
      const { id, provider, algorithm, publicKeySha256 } = rootKey
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
      return { id, provider, scope, algorithm, publicKeySha256, publicKey: pem, selfTest: 'passed' }
    }),
  }
}

const bytesOf = (transcript: unknown): Buffer => Buffer.from(`${FORMAT}\n${JSON.stringify(transcript)}`)

/** Signed with AUDIT_KEY; whole or not at all. */
export const writeTranscript = async (path: string, transcript: Transcript, pem: string): Promise<void> => {
  const signature = sign(null, bytesOf(transcript), createPrivateKey(pem)).toString('base64')
  const unfinished = `${path}.new`
  const text = `${JSON.stringify({ transcript, signature }, undefined, 2)}\n`
  await writeFile(unfinished, text, { mode: OWNER_ONLY, flush: true })
  await rename(unfinished, path)
}

/** @returns the transcript, or undefined if that key did not sign it. @throws if there is no such file */
export const readTranscript = async (path: string, key: KeyObject): Promise<Transcript | undefined> => {
  try {
    const { transcript, signature } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    const good = verify(null, bytesOf(transcript), key, Buffer.from(String(signature), 'base64'))
    return good && (transcript as Transcript).format === FORMAT ? (transcript as Transcript) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
