import { type KeyObject, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { type Position, startOf } from './record.ts'

/** So that a signature of this key means nothing anywhere else. */
const LABEL = 'cofre/audit/checkpoint/v1\n'

const SIGNED = /^(\{.*),"signature":"([A-Za-z0-9_-]{86})"\}$/s

/** In the thread pool: a signature takes as long as a tenth of a request. */
const signBeside = promisify<undefined, Uint8Array, KeyObject, Buffer>(sign)

/**
 * The line that vouches for all lines before it: its own number and the hash of the line before are part of what
 * is signed, and so is every other character of it.
 */
export const checkpointLine = async (
  after: Position,
  time: Date,
  instance: string,
  key: KeyObject,
): Promise<string> => {
  const text = JSON.stringify({ ...startOf(after, time, 'checkpoint'), instance })
  const signature = (await signBeside(undefined, Buffer.from(LABEL + text), key)).toString('base64url')
  return `${text.slice(0, -1)},"signature":"${signature}"}`
}

export const isCheckpointOf = (line: string, publicKey: KeyObject): boolean => {
  const [, text, signature] = SIGNED.exec(line) ?? []
  if (text === undefined || signature === undefined) return false
  const bytes = Buffer.from(signature, 'base64url')
  // One spelling only: the last character has bits that decoding ignores.
  if (bytes.toString('base64url') !== signature) return false
  return verify(null, Buffer.from(`${LABEL}${text}}`), publicKey, bytes)
}
