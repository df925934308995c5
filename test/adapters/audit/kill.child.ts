import { createPrivateKey } from 'node:crypto'
import { openFileAuditLog } from '../../../src/adapters/audit/file-audit-log.ts'
import { openSqliteKeyRepository } from '../../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { entryOf } from './entries.ts'

/** Records until it is killed, and prints each request id once its record was acknowledged. */
const [path = '', store = '', round = '', pem = ''] = process.argv.slice(2)
const WRITERS = 16
const ignore = (): void => undefined

const log = await openFileAuditLog({
  path,
  key: createPrivateKey(pem),
  instance: `round-${round}`,
  logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  heads: await openSqliteKeyRepository({ path: store }),
  maxFileBytes: 200_000,
})

const write = async (writer: number): Promise<never> => {
  for (let count = 0; ; count++) {
    const requestId = `${round}.${writer}.${count}`
    await log.record(
      entryOf({ requestId, identity: { tenant: 'default', pub: 'x'.repeat(count % 1_000), source: 'user' } }),
    )
    process.stdout.write(`${requestId}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
