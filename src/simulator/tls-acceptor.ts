import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { ServerCertificate } from './certificate.ts'

/** The client offers these three alone, in TLS 1.2 alone. */
const CIPHERS = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:AES128-SHA256'

const peerOf = (socket: Socket): string => `${socket.remoteAddress}:${socket.remotePort}`

/** Starts TLS on a connection that has spoken plain TCP so far; the callback gets the secured socket. */
export type StartTls = (raw: Socket, onSecure: (socket: TLSSocket) => void) => void

/**
 * The TLS server listens nowhere: connections are injected into it, and told apart by the peer's address.
 *
 * @throws Error if the certificate or the key can't be used
 */
export const tlsAcceptor = ({ key, cert }: ServerCertificate): StartTls => {
  const waiting = new Map<string, (socket: TLSSocket) => void>()
  const options = {
    key,
    cert,
    ciphers: CIPHERS,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    // The client never resumes a session.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const
  const server = createServer(options, (socket) => {
    const peer = peerOf(socket)
    const onSecure = waiting.get(peer)
    waiting.delete(peer)
    if (onSecure === undefined) socket.destroy()
    else onSecure(socket)
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return (raw, onSecure) => {
    if (raw.remotePort === undefined) {
      raw.destroy()
      return
    }
    const peer = peerOf(raw)
    waiting.set(peer, onSecure)
    raw.once('close', () => {
      if (waiting.get(peer) === onSecure) waiting.delete(peer)
    })
    server.emit('connection', raw)
  }
}
