import { keyRepositoryContract } from '../../../contracts/key-repository.contract.ts'
import { openAt, temporaryPath } from './support.ts'

keyRepositoryContract('sqlite', async (t) => await openAt(t, await temporaryPath(t)))
