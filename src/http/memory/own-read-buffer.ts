import { Socket } from 'node:net'

/**
 * All that depends on Node's internals stands in this file.
 *
 * Node's HTTP server reads into one static buffer of 64 KiB, where the last request stays until the next one
 * overwrites it. Here sockets read into a buffer of ours, which is wiped after each read. Node offers this for
 * outgoing sockets alone (`onread` of `net.connect`); for accepted ones the same fields are set by hand. What
 * the public API has instead (overwriting the static buffer by a request of zeros to a server of our own)
 * leaves what is not HTTP, and does not reach what TLS reads.
 */
const SIZE = 65_536
const CALLBACK = 'kBufferCb'
const BUFFER = 'kBuffer'

interface ReadHandle {
  useUserBuffer(buffer: Uint8Array): void
}

interface OwnReads {
  /** Called after each read, with the buffer wiped. */
  readonly afterRead?: () => void
  /** Called at most once: this Node does not do what it did, and requests stay in its buffer. */
  readonly onUnsupported: (reason: string) => void
}

const symbolOf = (description: string): symbol | undefined =>
  Object.getOwnPropertySymbols(new Socket()).find((symbol) => symbol.description === description)

/** @returns what to call with every socket that is accepted (or that finished its TLS handshake) */
export const ownReadBuffer = ({ afterRead, onUnsupported }: OwnReads): ((socket: Socket) => void) => {
  const buffer = Buffer.from(new ArrayBuffer(SIZE))
  const kBuffer = symbolOf(BUFFER)
  const kCallback = symbolOf(CALLBACK)
  let warned = false
  const unsupported = (reason: string): void => {
    if (!warned) onUnsupported(reason)
    warned = true
  }
  if (kBuffer === undefined || kCallback === undefined) {
    unsupported('sockets have no such fields')
    return () => undefined
  }

  return (socket) => {
    const internals = socket as unknown as { _handle?: Partial<ReadHandle> | null; [field: symbol]: unknown }
    if (typeof internals._handle?.useUserBuffer !== 'function') {
      if (!socket.destroyed) unsupported('handles have no such method')
      return
    }
    let ours = false
    // A listener of `data` makes the HTTP server take data from the socket, and not from the handle.
    socket.on('data', () => {
      if (!ours) unsupported('data came past the buffer')
    })
    internals[kBuffer] = buffer
    internals[kCallback] = (length: number, bytes: Buffer): void => {
      const data = bytes.subarray(0, length)
      ours = true
      try {
        socket.emit('data', data)
      } finally {
        ours = false
        data.fill(0)
        afterRead?.()
      }
    }
    internals._handle.useUserBuffer(buffer)
    // What is read after the socket was destroyed does not come to the callback.
    socket.once('close', () => buffer.fill(0))
  }
}
