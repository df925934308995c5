import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { publicKeySha256 } from '../../domain/wrapping.ts'
import { EXIT_CODE, UsageError } from '../command.ts'
import { parseOptions } from '../options.ts'
import type { AuditContext } from './context.ts'

export const KEYGEN_USAGE = `cofre audit keygen [FILE]
  Makes an Ed25519 key for AUDIT_KEY, writes it to FILE (audit-key.pem), readable by its owner alone, and prints
  the public half. Never overwrites.
`

const DEFAULT_FILE = 'audit-key.pem'
const OWNER_ONLY = 0o600

export const keygen = async ({ args, print, complain }: AuditContext): Promise<number> => {
  const { values, positionals } = parseOptions(args, { out: { type: 'string' } })
  const [file = values.out ?? DEFAULT_FILE, ...more] = positionals
  if (more.length > 0) throw new UsageError('only one FILE can be given')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  try {
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { flag: 'wx', mode: OWNER_ONLY })
  } catch (error) {
    complain(`cofre audit keygen: ${file} can't be made (${(error as NodeJS.ErrnoException).code})`)
    return EXIT_CODE.failed
  }
  print(publicKey.export({ type: 'spki', format: 'pem' }) as string)
  complain(`${file}: SHA-256 of the public half ${publicKeySha256(publicKey)}`)
  return EXIT_CODE.ok
}
