import { after, test } from 'node:test'
import { openMongoKeyRepository } from '../../../../src/adapters/repository/mongodb/mongodb-key-repository.ts'
import { keyRepositoryContract } from '../../../contracts/key-repository.contract.ts'
import { keepingLogger } from '../../../support/logger.ts'
import { freshDatabase, mongoForTests } from '../../../support/mongo-server/database.ts'
import { missingMongo } from '../../../support/mongo-server.ts'

const missing = missingMongo()

if (missing === undefined) {
  const server = await mongoForTests({ after })

  keyRepositoryContract('mongodb', async (t) => {
    const url = freshDatabase(t, server)
    const store = await openMongoKeyRepository({ url, logger: keepingLogger().logger, deadlineMs: 60_000 })
    t.after(() => store.close())
    return store
  })
} else {
  test('key repository contract: mongodb', { skip: missing }, () => undefined)
}
