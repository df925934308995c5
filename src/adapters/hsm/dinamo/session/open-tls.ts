import type { Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { SessionError } from './session-error.ts'

/** The device speaks TLS 1.2 with CBC suites alone. */
const ECDHE_SUITES = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256'
/** No forward secrecy: whoever gets the device's key later reads every data key that crossed this link. */
const STATIC_RSA_SUITE = 'AES128-SHA256'
/** SSL_OP_CLEANSE_PLAINTEXT: OpenSSL wipes its copies of what it decrypted. Node has no constant for it. */
const CLEANSE_PLAINTEXT = 0x2

export interface TlsOptions {
  readonly certificateSha256: readonly string[]
  readonly allowStaticRsa: boolean
}

const fingerprintOf = (socket: TLSSocket): string | undefined =>
  socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase()

/**
 * The pin stands in for a chain of trust, because the device signs its certificate itself; a finished TLS 1.2
 * handshake proves that the peer has the certificate's key. Nothing is sent before it is compared.
 *
 * @param signal its reason, a SessionError, is what this rejects with; the sockets are destroyed
 * @returns the socket, paused; an error on it never goes unheard
 * @throws SessionError `connect`, `certificate`
 */
export const openTls = (
  raw: Socket,
  { certificateSha256, allowStaticRsa }: TlsOptions,
  signal: AbortSignal,
): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({
      socket: raw,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: allowStaticRsa ? `${ECDHE_SUITES}:${STATIC_RSA_SUITE}` : ECDHE_SUITES,
      secureOptions: CLEANSE_PLAINTEXT,
    })
    const release = (): void => {
      socket.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      release()
      socket.destroy()
      raw.destroy()
      reject(error)
    }
    const onAbort = (): void => fail(signal.reason)
    const onClose = (): void => fail(new SessionError('connect', 'the connection ended in the TLS handshake'))
    const onSecure = (): void => {
      const fingerprint = fingerprintOf(socket)
      if (fingerprint === undefined || !certificateSha256.includes(fingerprint)) {
        fail(
          new SessionError('certificate', `the certificate ${fingerprint ?? ''} is not one of those allowed`),
        )
        return
      }
      release()
      resolve(socket)
    }
    // Stays, like that of the raw socket.
    socket.on('error', (cause) => fail(new SessionError('connect', 'no TLS connection', { cause })))
    socket.on('close', onClose)
    socket.on('secureConnect', onSecure)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
