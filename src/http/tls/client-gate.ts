import type { X509Certificate } from 'node:crypto'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import type { PolicyCertificate } from '../../domain/policy.ts'
import type { Clock } from '../../domain/random.ts'
import { HttpError } from '../errors/http-error.ts'
import { type ClientCertificateInfo, certificateReader } from './client-certificate.ts'
import type { Connections } from './connections.ts'
import { type ClientRefusal, type ClientRules, issuerRefusal, standingRefusal } from './judge-client.ts'
import type { RefusalTeller } from './refusals.ts'
import { isTrustedBy } from './trusted-by.ts'

/** A connection whose handshake is done. */
interface Visit {
  readonly socket: TLSSocket
  readonly info: ClientCertificateInfo | undefined
  /** Found once, by the authorities that were in force when the connection was made. */
  readonly byIssuer: ClientRefusal | undefined
  told: boolean
}

export interface ClientGateOptions {
  readonly connections: Connections
  readonly teller: RefusalTeller
  readonly clock: Clock
}

/** Lets requests in by the certificate of their connection. */
export class ClientGate {
  readonly #options: ClientGateOptions
  readonly #visits = new WeakMap<Socket, Visit>()
  readonly #read = certificateReader()
  #rules: ClientRules

  constructor(rules: ClientRules, options: ClientGateOptions) {
    this.#rules = rules
    this.#options = options
  }

  follow(server: Server): void {
    server.on('secureConnection', (socket: TLSSocket) => this.#enter(socket))
    // Node's own listener would answer in plain text, or hand it to whoever answers bad requests.
    server.removeAllListeners('tlsClientError')
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const { remoteAddress: address } = socket
      socket.destroy()
      // Who left before the handshake began, as whoever looks whether a port is open does, was refused by nobody.
      if (error.code === 'ECONNRESET' || address === undefined) return
      this.#options.teller.tell({ reason: 'handshake_failed', address, code: error.code })
    })
  }

  /** For connections that are made from now on, and for the requests that still come on the others. */
  change(rules: ClientRules): void {
    this.#rules = rules
    this.#options.connections.retire()
  }

  /** @throws HttpError `unauthenticated`, and it is told to the log then */
  clientOf(request: FastifyRequest): PolicyCertificate {
    const visit = this.#visits.get(request.raw.socket)
    const refusal = visit === undefined ? 'no_certificate' : this.#judge(visit)
    if (visit?.info !== undefined && refusal === undefined) return visit.info.certificate
    if (visit !== undefined) this.#tell(visit, refusal ?? 'no_certificate', request.id)
    // It has its line.
    request.log = request.log.child({}, { level: 'silent' })
    throw new HttpError('unauthenticated')
  }

  #enter(socket: TLSSocket): void {
    const x509 = socket.getPeerX509Certificate()
    const visit: Visit = {
      socket,
      info: x509 === undefined ? undefined : this.#read(x509),
      byIssuer: this.#rules.selfSigned ? undefined : issuerRefusal(socket),
      told: false,
    }
    this.#visits.set(socket, visit)
    const refusal = this.#judge(visit)
    if (refusal === undefined) return
    const address = socket.remoteAddress
    socket.once('close', () => this.#tell(visit, refusal, undefined, address))
  }

  #judge({ socket, info, byIssuer }: Visit): ClientRefusal | undefined {
    if (info === undefined) return 'no_certificate'
    const { selfSigned, authorities } = this.#rules
    if (byIssuer !== undefined) return byIssuer
    if (!selfSigned && this.#options.connections.isOld(socket)) {
      const x509 = socket.getPeerX509Certificate() as X509Certificate
      if (!isTrustedBy(x509, authorities)) return 'unknown_issuer'
    }
    return standingRefusal(info, this.#rules, this.#options.clock().getTime())
  }

  /** Once for each connection. */
  #tell(visit: Visit, reason: ClientRefusal, requestId?: string, address = visit.socket.remoteAddress): void {
    if (visit.told) return
    visit.told = true
    const { fingerprint, subject } = visit.info?.certificate ?? {}
    const { authorizationError } = visit.socket
    this.#options.teller.tell({
      reason,
      address: address ?? '',
      ...(visit.byIssuer === undefined ? {} : { code: String(authorizationError) }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(fingerprint === undefined ? {} : { fingerprint, subject }),
    })
  }
}
