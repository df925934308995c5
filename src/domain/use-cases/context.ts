import type { EnvelopeCipherPort } from '../../ports/envelope-cipher.port.ts'
import type { KeyRepositoryPort } from '../../ports/key-repository.port.ts'
import type { Clock, FillRandom } from '../random.ts'
import type { RootKeyring } from '../root-keys/root-keyring.ts'

/** What the use cases work with. */
export interface UseCaseContext {
  readonly keyring: Pick<RootKeyring, 'wrapping' | 'find' | 'integrity'>
  readonly cipher: EnvelopeCipherPort
  readonly repository: Pick<KeyRepositoryPort, 'insertPrivateKey' | 'findPrivateKey'>
  readonly clock: Clock
  readonly random: FillRandom
}
