import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { UNRESTRICTED } from '../../../../src/domain/caller.ts'
import type { AppDeps } from '../../../../src/http/app.ts'
import { openServerTls, type ServerTls, type ServerTlsOptions } from '../../../../src/http/tls/server-tls.ts'
import type { TlsSettings } from '../../../../src/http/tls/tls-settings.ts'
import { makeAuthority, type TestAuthority, type TestCertificate } from '../../../support/certificates.ts'
import { keepingLogger, type LoggedLine } from '../../../support/logger.ts'
import { type TestApp, testApp } from '../../support/app.ts'
import { parseAnswer, type RawAnswer, readAll } from '../../support/raw-client.ts'

const KEY_MODE = 0o600

/** The files of one server, and the authority that made them. */
export class TlsFolder {
  readonly path: string

  constructor(t: TestContext) {
    this.path = mkdtempSync(join(tmpdir(), 'cofre-tls-'))
    t.after(() => rmSync(this.path, { recursive: true, force: true }))
  }

  file(name: string): string {
    return join(this.path, name)
  }

  write(name: string, text: string): string {
    writeFileSync(this.file(name), text)
    return this.file(name)
  }

  /** @returns settings that name the files */
  writeAll(server: TestCertificate, authorities: string, pins?: string): TlsSettings {
    this.write('server.pem', server.cert)
    this.write('server.key', server.key)
    chmodSync(this.file('server.key'), KEY_MODE)
    this.write('ca.pem', authorities)
    if (pins !== undefined) this.write('pins', pins)
    return {
      certificate: { variable: 'SERVER_TLS_CERT_PATH', path: this.file('server.pem') },
      key: { variable: 'SERVER_TLS_KEY_PATH', path: this.file('server.key') },
      authorities: { variable: 'CLIENT_CA_CERT_PATH', path: this.file('ca.pem') },
      ...(pins === undefined
        ? {}
        : { fingerprints: { variable: 'MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE', path: this.file('pins') } }),
      selfSigned: false,
    }
  }
}

export interface TlsApp extends TestApp {
  readonly port: number
  readonly folder: TlsFolder
  readonly tls: ServerTls
  readonly authority: TestAuthority
  readonly server: TestCertificate
  /** What TLS itself logged. */
  readonly lines: LoggedLine[]
  readonly refusals: { readonly reason: string; readonly address: string }[]
}

export interface TlsAppOptions extends Partial<Omit<ServerTlsOptions, 'settings' | 'onRefusal'>> {
  readonly pins?: string
  readonly selfSigned?: boolean
  readonly handshakeTimeout?: number
  readonly deps?: Partial<AppDeps>
}

/** The app behind mTLS, with an authority, a folder and a server certificate of its own. */
export const tlsApp = async (
  t: TestContext,
  { pins, selfSigned = false, handshakeTimeout, deps = {}, ...options }: TlsAppOptions = {},
): Promise<TlsApp> => {
  const authority = await makeAuthority()
  const server = await authority.issueServer()
  const folder = new TlsFolder(t)
  const settings = { ...folder.writeAll(server, authority.cert, pins), selfSigned }
  const { logger, lines } = keepingLogger()
  const refusals: TlsApp['refusals'] = []
  const tls = await openServerTls({
    settings,
    logger,
    onRefusal: (refusal) => void refusals.push(refusal),
    ...options,
  })
  t.after(() => tls.close())
  const made = testApp(t, {
    ...deps,
    tls: { ...tls.options, ...(handshakeTimeout === undefined ? {} : { handshakeTimeout }) },
    identify: (request) => {
      const { fingerprint, subject } = tls.clientOf(request)
      return { client: { fingerprint, subject }, caller: UNRESTRICTED }
    },
  })
  tls.follow(made.app.server)
  await made.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = made.app.server.address() as AddressInfo
  return { ...made, port, folder, tls, authority, server, lines, refusals }
}

/** @throws Error where the handshake fails */
export const openTls = (
  port: number,
  authority: { readonly cert: string },
  client?: TestCertificate,
  options: ConnectionOptions = {},
): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: authority.cert,
      ...(client === undefined ? {} : { cert: client.cert, key: client.key }),
      ...options,
    })
    socket.once('secureConnect', () => resolve(socket)).once('error', reject)
  })

/** One request on a connection of its own, as the wallet server makes them. */
export const askTls = async (request: string, ...to: Parameters<typeof openTls>): Promise<RawAnswer> => {
  const socket = await openTls(...to)
  const all = readAll(socket)
  socket.write(request)
  return parseAnswer(await all)
}
