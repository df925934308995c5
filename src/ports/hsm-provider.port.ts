import type { Static, TObject } from '@sinclair/typebox'
import type { Clock, FillRandom } from '../domain/random.ts'
import type { HsmPort } from './hsm.port.ts'
import type { Logger } from './logger.port.ts'

/** What a provider is given beside its configuration. */
export interface HsmProviderContext {
  readonly logger: Logger
  readonly clock: Clock
  readonly random: FillRandom
}

/**
 * A vendor's module exports one as `provider`. It is imported only when it is chosen, so whatever native code
 * it needs is imported by it and by nothing else.
 */
export interface HsmProvider<Schema extends TObject = TObject> {
  /** Chosen with HSM_PROVIDER, and recorded with every root key: it never changes. */
  readonly name: string

  /**
   * The names of its members are those of the environment variables. Strings, integers, numbers, booleans and
   * unions of literals; `default`, `description`, and `secret: true` for what may come as `NAME_FILE`.
   */
  readonly configuration: Schema

  /**
   * What no type shows: asked when the configuration is read, before anything is opened.
   *
   * @param found what could be read
   * @returns one line for each thing that is wrong, naming the variable
   */
  check?(found: Partial<Static<Schema>>): readonly string[]

  /**
   * Opens nothing that may fail for a passing reason: the HSM is asked when it is used.
   *
   * @throws KmsError `start_refused` where the configuration cannot work, naming the variable
   */
  create(configuration: Static<Schema>, context: HsmProviderContext): Promise<HsmPort>
}
