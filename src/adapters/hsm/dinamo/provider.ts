import { KmsError } from '../../../domain/errors.ts'
import { SecretBytes } from '../../../domain/secret-bytes.ts'
import type { HsmProvider } from '../../../ports/hsm-provider.port.ts'
import type { Logger } from '../../../ports/logger.port.ts'
import { type DinamoConfiguration, DinamoConfigurationSchema, WRAPPING_OF } from './configuration.ts'
import { DinamoHsm } from './dinamo-hsm.ts'
import { parseFingerprints, parseTargets } from './targets.ts'

const RSA_TIMEOUT_MS = 60_000

const minHosts = (wanted: number | undefined, hosts: number): number => {
  if (wanted === undefined || wanted <= hosts) return wanted ?? hosts
  throw new KmsError('start_refused', {
    message: `ROOT_KEY_MIN_HOSTS is ${wanted}: it must be at most ${hosts}, the number of hosts in DINAMO_HOST`,
  })
}

const refusals = (...readers: readonly (() => unknown)[]): readonly string[] =>
  readers.flatMap((read) => {
    try {
      read()
      return []
    } catch (error) {
      if (!KmsError.is(error, 'start_refused')) throw error
      return [error.message]
    }
  })

const warn = (configuration: DinamoConfiguration, logger: Logger): void => {
  if (configuration.DINAMO_ALLOW_STATIC_RSA) {
    logger.warn(
      { setting: 'DINAMO_ALLOW_STATIC_RSA' },
      "TLS without forward secrecy is allowed: whoever gets the HSM's TLS key reads every data key ever recorded",
    )
  }
  for (const setting of ['DINAMO_OPERATION_TIMEOUT_MS', 'DINAMO_CONNECT_TIMEOUT_MS'] as const) {
    if (configuration[setting] < configuration.HSM_DEADLINE_MS) continue
    logger.warn(
      { setting, milliseconds: configuration[setting], deadline: configuration.HSM_DEADLINE_MS },
      'not below HSM_DEADLINE_MS: after a host that does not answer there is no time to ask another one',
    )
  }
}

export const provider: HsmProvider<typeof DinamoConfigurationSchema> = {
  name: 'dinamo',
  configuration: DinamoConfigurationSchema,
  check: ({ DINAMO_HOST: hosts, DINAMO_CERT_SHA256: fingerprints, ROOT_KEY_MIN_HOSTS: wanted }) =>
    refusals(
      () => hosts !== undefined && minHosts(wanted, parseTargets(hosts).length),
      () => fingerprints !== undefined && parseFingerprints(fingerprints),
    ),
  create: async (configuration, { logger, random }) => {
    const targets = parseTargets(configuration.DINAMO_HOST)
    const certificateSha256 = parseFingerprints(configuration.DINAMO_CERT_SHA256)
    const neededHosts = minHosts(configuration.ROOT_KEY_MIN_HOSTS, targets.length)
    warn(configuration, logger)
    const username = configuration.DINAMO_USERNAME
    const password = SecretBytes.fromUtf8(configuration.DINAMO_PASSWORD)
    return new DinamoHsm({
      targets,
      session: {
        credentials: () => ({ username, password }),
        certificateSha256,
        connectTimeoutMs: configuration.DINAMO_CONNECT_TIMEOUT_MS,
        operationTimeoutMs: configuration.DINAMO_OPERATION_TIMEOUT_MS,
        rsaTimeoutMs: RSA_TIMEOUT_MS,
        allowStaticRsa: configuration.DINAMO_ALLOW_STATIC_RSA,
        rootKeyExportable: configuration.DINAMO_ROOT_KEY_EXPORTABLE,
      },
      account: username,
      candidates: WRAPPING_OF[configuration.DINAMO_PADDING],
      deadlineMs: configuration.HSM_DEADLINE_MS,
      maxSessions: configuration.DINAMO_MAX_SESSIONS,
      neededHosts,
      logger,
      random,
    })
  },
}
