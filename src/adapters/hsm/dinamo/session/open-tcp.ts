import { connect, type Socket } from 'node:net'
import { SessionError } from './session-error.ts'

const KEEP_ALIVE_MS = 10_000

/** The first message: version 1, TLS, no token. */
const HELLO = Buffer.from('4f4c454801000100', 'hex')
/** Which of the three answers means what is not documented; the SDK takes them alike. */
const ACKS: readonly number[] = [0x48454c4f, 0x4f4b4e54, 0x4f4b4154]
const ACK_BYTES = 4

/**
 * Connects and says hello in plain TCP.
 *
 * @param signal its reason, a SessionError, is what this rejects with; the socket is destroyed
 * @returns the socket, paused, for TLS to take over; an error on it never goes unheard
 * @throws SessionError `connect`
 */
export const openTcp = (
  target: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({
      ...target,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    let received = Buffer.alloc(0)
    const release = (): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      release()
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => fail(signal.reason)
    const onClose = (): void => fail(new SessionError('connect', 'the connection ended before the ack'))
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      if (received.length < ACK_BYTES) return
      if (received.length > ACK_BYTES || !ACKS.includes(received.readUInt32LE(0))) {
        fail(new SessionError('connect', 'what answers there is not a Dinamo HSM'))
        return
      }
      socket.pause()
      release()
      resolve(socket)
    }
    // Stays: an error that nobody listens for ends the process.
    socket.on('error', (cause) => fail(new SessionError('connect', 'no connection', { cause })))
    socket.on('close', onClose)
    socket.on('data', onData)
    socket.on('connect', () => socket.write(HELLO))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
