import { isUtf8 } from 'node:buffer'
import { KmsError } from '../../domain/errors.ts'
import type { SecretBytes } from '../../domain/secret-bytes.ts'
import { HttpError } from '../errors/http-error.ts'
import { type MemberSpan, scanMembers } from './json-scanner.ts'
import { decodeJsonText } from './json-text.ts'

const QUOTE = 0x22

export interface Members {
  /** What JSON.parse gives for the members that were asked for; `''` for a secret text, `null` for another secret value. */
  readonly values: Record<string, unknown>
  /** The secret texts. The caller disposes. */
  readonly secrets: Map<string, SecretBytes>
}

const notText = (field: string): KmsError =>
  new KmsError('validation_failed', {
    message: `${field} must be valid Unicode text: UTF-8, without lone surrogates.`,
  })

/** The last of duplicates wins, as in JSON.parse. */
const findWanted = (
  body: Buffer,
  members: readonly MemberSpan[],
  fields: readonly string[],
): ReadonlyMap<string, MemberSpan> => {
  const longest = 6 * Math.max(0, ...fields.map((field) => field.length))
  const wanted = new Map<string, MemberSpan>()
  for (const member of members) {
    const { nameStart, nameEnd } = member
    if (nameEnd - nameStart > longest) continue
    const name: string = JSON.parse(body.toString('utf8', nameStart - 1, nameEnd + 1))
    if (fields.includes(name)) wanted.set(name, member)
  }
  return wanted
}

const checkUtf8 = (body: Buffer, wanted: ReadonlyMap<string, MemberSpan>): void => {
  if (isUtf8(body)) return
  for (const [field, { start, end }] of wanted) if (!isUtf8(body.subarray(start, end))) throw notText(field)
  throw new HttpError('malformed_json', { message: 'The body must be valid UTF-8.' })
}

/**
 * Reads some members of a JSON object. Whatever else is in it is checked and skipped: it never becomes a value,
 * so that a secret that nobody asked for (a `seed`) does not become a string either.
 *
 * @param fields the members to read
 * @param secretFields those of them whose text is read into bytes of its own
 * @throws HttpError `malformed_json`
 * @throws KmsError `validation_failed`, naming a field that is not Unicode text
 */
export const readMembers = (
  body: Buffer,
  fields: readonly string[],
  secretFields: ReadonlySet<string>,
): Members => {
  const wanted = findWanted(body, scanMembers(body), fields)
  checkUtf8(body, wanted)
  const values: Record<string, unknown> = {}
  const secrets = new Map<string, SecretBytes>()
  try {
    for (const [field, { start, end }] of wanted) {
      if (secretFields.has(field)) {
        values[field] = readSecret(body.subarray(start, end), field, secrets)
      } else {
        const value: unknown = JSON.parse(body.toString('utf8', start, end))
        if (typeof value === 'string' && !value.isWellFormed()) throw notText(field)
        values[field] = value
      }
    }
    return { values, secrets }
  } catch (error) {
    for (const secret of secrets.values()) secret[Symbol.dispose]()
    throw error
  }
}

const readSecret = (value: Buffer, field: string, secrets: Map<string, SecretBytes>): '' | null => {
  if (value[0] !== QUOTE) return null
  const secret = decodeJsonText(value.subarray(1, -1))
  if (secret === undefined) throw notText(field)
  secrets.set(field, secret)
  return ''
}
