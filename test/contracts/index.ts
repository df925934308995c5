/** `cofre/contracts`: the suites that every adapter of a port passes, wherever it is written. */
export { envelopeCipherContract } from './envelope-cipher.contract.ts'
export { hsmContract } from './hsm.contract.ts'
export { keyRepositoryContract } from './key-repository.contract.ts'
