import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseAuditPublicKey } from '../../adapters/audit/audit-key.ts'
import { type CommandContext, UsageError } from '../command.ts'

const read = (what: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${what}: ${path} can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** PEM text, or the base64 between its dashes, which fits on a command line. */
const parse = (text: string): KeyObject | undefined =>
  parseAuditPublicKey(
    text.includes('-----BEGIN')
      ? text
      : `-----BEGIN PUBLIC KEY-----\n${text.trim()}\n-----END PUBLIC KEY-----\n`,
  )

const BASE64_KEY = /^[A-Za-z0-9+/]{59}=$/

/**
 * The key to trust: what `--key` names, else the public half of AUDIT_KEY.
 *
 * @param given a PEM file's path, PEM text, or its base64
 * @throws UsageError
 */
export const trustedKey = (
  given: string | undefined,
  { environment }: Pick<CommandContext, 'environment'>,
): KeyObject => {
  const { AUDIT_KEY, AUDIT_KEY_FILE } = environment
  const isText = given?.includes('-----BEGIN') === true || BASE64_KEY.test(given ?? '')
  const [what, text] =
    given !== undefined
      ? ['--key', isText ? given : read('--key', given)]
      : AUDIT_KEY !== undefined && AUDIT_KEY !== ''
        ? ['AUDIT_KEY', AUDIT_KEY]
        : AUDIT_KEY_FILE !== undefined && AUDIT_KEY_FILE !== ''
          ? ['AUDIT_KEY_FILE', read('AUDIT_KEY_FILE', AUDIT_KEY_FILE)]
          : ['', undefined]
  if (text === undefined) throw new UsageError('no key to trust: give --key PUB, or set AUDIT_KEY')
  const key = parse(text)
  if (key === undefined) throw new UsageError(`${what} is not an Ed25519 key in PEM`)
  return key
}
