import type { Socket } from 'node:net'
import { ACK, HEADER_BYTES, HELLO } from './protocol.ts'

/** @throws Error if it is not the client's hello */
const ackFor = (hello: Buffer): Buffer => {
  const word = hello.readUInt32LE(4)
  const isHello =
    hello.length === HEADER_BYTES &&
    hello.readUInt32LE(0) === HELLO.id &&
    word >>> 16 === HELLO.version &&
    (word & HELLO.tlsFlag) !== 0
  if (!isHello) throw new Error('not the hello of this protocol')
  const ack = Buffer.from(new ArrayBuffer(4))
  ack.writeUInt32LE((word & HELLO.tokenFlag) === 0 ? ACK.password : ACK.token)
  return ack
}

/**
 * Waits for the 8 bytes of the hello and leaves the socket paused, for TLS to take over.
 *
 * @returns the ack to send
 * @throws Error if something else came, or nothing more comes
 */
export const readHello = (raw: Socket): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const settle = (act: () => void): void => {
      raw.off('data', onData)
      raw.off('close', onClose)
      raw.pause()
      act()
    }
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      if (received.length < HEADER_BYTES) return
      settle(() => {
        try {
          resolve(ackFor(received))
        } catch (error) {
          reject(error instanceof Error ? error : new Error('unreadable hello'))
        }
      })
    }
    const onClose = (): void => settle(() => reject(new Error('closed before the hello')))
    raw.on('data', onData)
    raw.on('close', onClose)
  })
