import { KmsError } from '../../../domain/errors.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { HsmProvider } from '../../../ports/hsm-provider.port.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { type Pkcs11Configuration, Pkcs11ConfigurationSchema, WRAPPING_OF } from './configuration.ts'
import { Pkcs11Hsm } from './pkcs11-hsm.ts'
import { Token, type TokenOptions } from './token.ts'

const RSA_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 10_000

type Choice = Pick<Pkcs11Configuration, 'PKCS11_TOKEN_LABEL' | 'PKCS11_SLOT'>

/** @returns the token, or what is wrong */
const chooseToken = ({
  PKCS11_TOKEN_LABEL: label,
  PKCS11_SLOT: slot,
}: Choice): TokenOptions['choice'] | string => {
  if (label !== undefined && slot === undefined) return { label }
  if (slot !== undefined && label === undefined) return { slot }
  return `PKCS11_TOKEN_LABEL and PKCS11_SLOT are ${label === undefined ? 'both missing' : 'both set'}: give one of them`
}

const warn = (
  { PKCS11_OPERATION_TIMEOUT_MS: ms, HSM_DEADLINE_MS: deadline }: Pkcs11Configuration,
  logger: Logger,
): void => {
  if (ms < deadline) return
  logger.warn(
    { setting: 'PKCS11_OPERATION_TIMEOUT_MS', milliseconds: ms, deadline },
    'not below HSM_DEADLINE_MS: after a call that blocks there is no time to make it again',
  )
}

export const provider: HsmProvider<typeof Pkcs11ConfigurationSchema> = {
  name: 'pkcs11',
  configuration: Pkcs11ConfigurationSchema,
  check: (found) => [chooseToken(found)].filter((choice) => typeof choice === 'string'),
  create: async (configuration, { logger, random }) => {
    const choice = chooseToken(configuration)
    if (typeof choice === 'string') throw new KmsError('start_refused', { message: choice })
    warn(configuration, logger)
    const token = new Token({
      libraryPath: configuration.PKCS11_LIBRARY,
      choice,
      pin: SecretBytes.fromUtf8(configuration.PKCS11_PIN),
      process: {
        // The one exception to the rule that no adapter touches the environment: every vendor's library has
        // variables of its own, which no schema could list. Handed on whole, and read by nobody here.
        environment: process.env,
        threads: configuration.PKCS11_MAX_SESSIONS,
      },
      startTimeoutMs: START_TIMEOUT_MS,
      session: {
        operationTimeoutMs: configuration.PKCS11_OPERATION_TIMEOUT_MS,
        rsaTimeoutMs: RSA_TIMEOUT_MS,
        random,
      },
    })
    await token.load()
    return new Pkcs11Hsm({
      token,
      name: 'label' in choice ? choice.label : `slot ${choice.slot}`,
      candidates: WRAPPING_OF[configuration.PKCS11_PADDING],
      deadlineMs: configuration.HSM_DEADLINE_MS,
      rsaTimeoutMs: RSA_TIMEOUT_MS,
      maxSessions: configuration.PKCS11_MAX_SESSIONS,
      logger,
    })
  },
}
