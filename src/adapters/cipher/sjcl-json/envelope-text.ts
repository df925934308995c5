import { KmsError } from '../../../domain/errors.ts'
import * as format from './format.ts'

/** What differs from one envelope to the next; nothing in it is secret. */
export interface Envelope {
  readonly iv: Uint8Array
  readonly iterations: number
  readonly context: Uint8Array
  readonly salt: Uint8Array
  /** Ciphertext, then the tag. */
  readonly sealed: Uint8Array
}

const { v, ks, ts, mode, cipher } = format.FIXED_MEMBERS
const FIXED_MEMBERS = Object.entries(format.FIXED_MEMBERS)
const MEMBER_COUNT = 10

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** The order of the members is the one that SJCL writes. */
export const serializeEnvelope = ({ iv, iterations, context, salt, sealed }: Envelope): string =>
  JSON.stringify({
    iv: base64(iv),
    v,
    iter: iterations,
    ks,
    ts,
    mode,
    adata: base64(context),
    cipher,
    salt: base64(salt),
    ct: base64(sealed),
  })

/**
 * Reads an envelope: ten members in any order, each once and in its one spelling, and nothing else. All that
 * SJCL's JSON encoder writes passes; white space, escapes and unknown members do not.
 *
 * @param context must be the one in the text; the result carries these bytes, never the row's
 * @throws KmsError `integrity_failure` for all that is wrong with the text
 */
export const parseEnvelope = (text: string, context: Uint8Array): Envelope => {
  const members = readMembers(text)
  const iv = readBytes(members?.get('iv'), format.MIN_IV_BYTES, format.IV_BYTES)
  const iterations = readIterations(members?.get('iter'))
  const salt = readBytes(members?.get('salt'), format.MIN_SALT_BYTES, format.MAX_SALT_BYTES)
  const sealed = readBytes(members?.get('ct'), format.TAG_BYTES, format.MAX_ENVELOPE_LENGTH)
  if (
    iv === undefined ||
    iterations === undefined ||
    salt === undefined ||
    sealed === undefined ||
    members?.get('adata') !== `"${base64(context)}"` ||
    !FIXED_MEMBERS.every(([name, value]) => members.get(name) === JSON.stringify(value))
  ) {
    throw new KmsError('integrity_failure')
  }
  return { iv, iterations, context, salt, sealed }
}

/**
 * The members' values as they are spelled. Without JSON.parse, which would spend a third of a second on a
 * hostile text: in an envelope a comma stands only between members, since each value is compared as a whole.
 */
const readMembers = (text: string): ReadonlyMap<string, string> | undefined => {
  if (text.length > format.MAX_ENVELOPE_LENGTH || !text.startsWith('{') || !text.endsWith('}'))
    return undefined
  const members = text.slice(1, -1).split(',', MEMBER_COUNT + 1)
  // Ten names that are all looked up leave no room for one that is repeated or unknown.
  return members.length === MEMBER_COUNT ? new Map(members.map(readMember)) : undefined
}

const readMember = (member: string): [name: string, value: string] => {
  const [start = '', name = ''] = /^"([a-z]+)":/.exec(member) ?? []
  return [name, member.slice(start.length)]
}

/** Standard padded base64 in its one spelling: Node's decoder alone would take many more. */
const readBytes = (value: string | undefined, min: number, max: number): Buffer | undefined => {
  if (value === undefined) return undefined
  const bytes = Buffer.from(value.slice(1, -1), 'base64')
  return bytes.length >= min && bytes.length <= max && `"${base64(bytes)}"` === value ? bytes : undefined
}

const readIterations = (value: string | undefined): number | undefined => {
  if (value === undefined || !/^[1-9][0-9]{0,5}$/.test(value)) return undefined
  const iterations = Number(value)
  return iterations >= format.MIN_ITERATIONS && iterations <= format.MAX_ITERATIONS ? iterations : undefined
}
