import { openMemoryKeyRepository } from '../../../src/adapters/repository/memory/memory-key-repository.ts'
import { keyRepositoryContract } from '../../contracts/key-repository.contract.ts'

keyRepositoryContract('memory', async () => await openMemoryKeyRepository())
