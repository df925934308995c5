/** An insert into SQLite alone, through the adapter. Prints rows a second. */
import { openSqliteKeyRepository } from '../../src/adapters/repository/sqlite/sqlite-key-repository.ts'
import { rateOf } from './rate.ts'

const [, , path = ''] = process.argv
const repository = await openSqliteKeyRepository({ path })
let next = 0
console.log(
  await rateOf(() =>
    repository.insertPrivateKey({
      pub: `limit-${process.pid}-${next++}`,
      tenant: 'default',
      source: 'user',
      coin: 'tbtc',
      type: 'independent',
      encryptedPrv: 'e'.repeat(500),
      encryptedDataKey: 'd'.repeat(550),
      provider: 'dinamo',
      rootKey: 'r'.repeat(32),
      createdAt: new Date(),
      version: 1,
      mac: 'm'.repeat(64),
    }),
  ),
)
await repository.close()
