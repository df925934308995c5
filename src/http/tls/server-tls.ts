import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { FastifyRequest } from 'fastify'
import type { PolicyCertificate } from '../../domain/policy.ts'
import { type Clock, systemClock } from '../../domain/random.ts'
import type { Logger } from '../../ports/logger.port.ts'
import type { TlsOptions } from '../server.ts'
import { ClientGate } from './client-gate.ts'
import { Connections } from './connections.ts'
import { tellExpiry, tellExpiryDaily } from './expiry.ts'
import { followTlsFiles } from './follow-tls-files.ts'
import { type RefusalTellerOptions, refusalTeller } from './refusals.ts'
import { isOpenToOthers, readTlsFiles } from './tls-files.ts'
import { checkTlsFiles } from './tls-material.ts'
import type { TlsSettings } from './tls-settings.ts'

export interface ServerTlsOptions extends Pick<RefusalTellerOptions, 'onRefusal'> {
  readonly settings: TlsSettings
  readonly logger: Logger
  readonly clock?: Clock
  readonly pollMs?: number
  readonly expiryIntervalMs?: number
}

/** TLS as the files have it, of which every client must show a certificate. */
export interface ServerTls {
  readonly options: TlsOptions
  /** Precondition: the server was made with `options` and does not listen yet. */
  follow(server: Server): void
  /**
   * Whose certificate the request's connection was made with.
   *
   * @throws HttpError `unauthenticated`
   */
  clientOf(request: FastifyRequest): PolicyCertificate
  /** Looks at the files now. Never fails: a mistake is logged and what was in force stays. */
  reload(): Promise<void>
  close(): Promise<void>
}

const POLL_MS = 1_000

/**
 * Reads certificate, key, authorities and fingerprints, and follows their files.
 *
 * @throws KmsError `start_refused` with a line for each thing that is wrong, naming its variable
 */
export const openServerTls = async ({
  settings,
  logger,
  onRefusal,
  clock = systemClock,
  pollMs = POLL_MS,
  expiryIntervalMs,
}: ServerTlsOptions): Promise<ServerTls> => {
  const first = await readTlsFiles(settings)
  let material = checkTlsFiles(settings, first)
  if (await isOpenToOthers(settings.key.path)) {
    const { variable, path } = settings.key
    logger.warn({ path }, `${variable}: users outside its group may read or write the file`)
  }
  const rulesOf = ({ authorities, fingerprints }: typeof material) => ({
    selfSigned: settings.selfSigned,
    authorities,
    fingerprints,
  })
  const connections = new Connections()
  const teller = refusalTeller({ logger, onRefusal })
  const gate = new ClientGate(rulesOf(material), { connections, teller, clock })
  let server: HttpsServer | undefined

  const follower = followTlsFiles({
    read: () => readTlsFiles(settings),
    inForce: first.digest,
    take(files) {
      const next = checkTlsFiles(settings, files)
      server?.setSecureContext(next.options)
      material = next
      gate.change(rulesOf(next))
      logger.info({ notAfter: next.serverCertificate.validToDate.toISOString() }, 'TLS files reloaded')
      tellExpiry(next, logger, clock)
    },
    logger,
    pollMs,
  })
  tellExpiry(material, logger, clock)
  const endExpiry = tellExpiryDaily(() => tellExpiry(material, logger, clock), expiryIntervalMs)
  return {
    options: material.options,
    follow(made) {
      server = made as HttpsServer
      // OpenSSL has its own copy.
      first.key.fill(0)
      connections.follow(made)
      gate.follow(made)
      follower.begin()
    },
    clientOf: (request) => gate.clientOf(request),
    reload: () => follower.lookNow(),
    async close() {
      endExpiry()
      await follower.close()
    },
  }
}
