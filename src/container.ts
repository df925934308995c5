import 'reflect-metadata'
import { container, type DependencyContainer, type InjectionToken, instanceCachingFactory } from 'tsyringe'
import { boundedCipher } from './adapters/cipher/bounded-cipher.ts'
import { readableFormats } from './adapters/cipher/readable-formats.ts'
import { auditedOperations } from './domain/audited-operations.ts'
import type { KeyOperations } from './domain/operations.ts'
import { systemClock, systemRandom } from './domain/random.ts'
import type { RootKeyring } from './domain/root-keys/root-keyring.ts'
import { keyOperations } from './domain/use-cases/key-operations.ts'
import type { AuditLogPort } from './ports/audit-log.port.ts'
import type { EnvelopeCipherPort } from './ports/envelope-cipher.port.ts'
import type { KeyRepositoryPort } from './ports/key-repository.port.ts'

/** What a start has opened, and how it was configured. */
export interface Opened {
  readonly repository: KeyRepositoryPort
  readonly keyring: RootKeyring
  /** Without it nothing is on record. */
  readonly audit: AuditLogPort | undefined
  /** The first one writes, all read. */
  readonly ciphers: readonly [EnvelopeCipherPort, ...EnvelopeCipherPort[]]
  readonly cipherConcurrency: number
}

const REPOSITORY: InjectionToken<KeyRepositoryPort> = Symbol('KeyRepositoryPort')
const KEYRING: InjectionToken<RootKeyring> = Symbol('RootKeyring')
const CIPHER: InjectionToken<EnvelopeCipherPort> = Symbol('EnvelopeCipherPort')
const OPERATIONS: InjectionToken<KeyOperations> = Symbol('KeyOperations')

const MAX_CIPHER_QUEUE = 1_024
const MAX_CIPHER_WAIT_MS = 5_000

const cipherFor = ({ ciphers, cipherConcurrency: concurrency }: Opened): EnvelopeCipherPort =>
  boundedCipher(readableFormats(...ciphers), {
    concurrency,
    maxQueue: MAX_CIPHER_QUEUE,
    maxWaitMs: MAX_CIPHER_WAIT_MS,
  })

/** The composition root of one app: a child container, so that two apps in one process share nothing. */
const containerFor = (opened: Opened): DependencyContainer => {
  const app = container.createChildContainer()
  app.registerInstance(REPOSITORY, opened.repository)
  app.registerInstance(KEYRING, opened.keyring)
  app.register(CIPHER, { useFactory: instanceCachingFactory(() => cipherFor(opened)) })
  app.register(OPERATIONS, {
    useFactory: instanceCachingFactory((from) => {
      const operations = keyOperations({
        keyring: from.resolve(KEYRING),
        cipher: from.resolve(CIPHER),
        repository: from.resolve(REPOSITORY),
        clock: systemClock,
        random: systemRandom,
      })
      return opened.audit === undefined ? operations : auditedOperations(operations, opened.audit)
    }),
  })
  return app
}

/** The four operations over what was opened. */
export const composeOperations = (opened: Opened): KeyOperations => containerFor(opened).resolve(OPERATIONS)
