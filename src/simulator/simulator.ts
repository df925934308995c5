import { once } from 'node:events'
import { type AddressInfo, BlockList, createServer, isIP } from 'node:net'
import { certificateSha256, type ServerCertificate } from './certificate.ts'
import { Connection } from './connection.ts'
import { Device, type DeviceOptions } from './device.ts'
import type { SimulatorStats } from './stats.ts'
import { tlsAcceptor } from './tls-acceptor.ts'

export interface SimulatorOptions extends DeviceOptions {
  readonly certificate: ServerCertificate
  /** An address of the loopback interface; default 127.0.0.1. */
  readonly host?: string
  /** 0 (the default) is any free one. */
  readonly port?: number
}

export interface Simulator {
  readonly host: string
  readonly port: number
  /** SHA-256 of the certificate's DER, lower-case hex. */
  readonly certificateSha256: string
  /** Clients that are logged in now. */
  readonly sessions: number
  readonly stats: SimulatorStats
  /** Ends every connection and stops listening. May be called again. */
  close(): Promise<void>
}

const MAX_CONNECTIONS = 1_024

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** The simulator's keys lie in clear, so no other machine may reach them. */
const checkLoopback = (host: string): void => {
  const family = isIP(host)
  if (family === 0 || !LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')) {
    throw new Error(`the simulator listens on a loopback address only (127.0.0.1 or ::1), not on ${host}`)
  }
}

/**
 * A Dinamo HSM in software, for development and tests: it speaks the device's wire protocol to the vendor's
 * unmodified client. Ready for connections when this resolves.
 *
 * @throws Error for an option that is wrong, or a port that is taken
 */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const { certificate, host = '127.0.0.1', port = 0 } = options
  checkLoopback(host)
  const fingerprint = certificateSha256(certificate)
  const device = new Device(options)
  const startTls = tlsAcceptor(certificate)
  const connections = new Set<Connection>()
  const server = createServer({ noDelay: true }, (raw) => {
    const connection = new Connection(raw, device, startTls)
    connections.add(connection)
    raw.once('close', () => connections.delete(connection))
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  device.log(`listening on ${host}:${address.port}`)

  let closing: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    const closed = once(server, 'close')
    server.close()
    await Promise.all([closed, ...[...connections].map((connection) => connection.destroy())])
  }
  return {
    host,
    port: address.port,
    certificateSha256: fingerprint,
    stats: device.stats,
    get sessions() {
      return device.sessions
    },
    close() {
      closing ??= stop()
      return closing
    },
  }
}
