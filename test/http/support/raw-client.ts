import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export const parseAnswer = (bytes: Buffer): RawAnswer => {
  const text = bytes.toString('utf8')
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Map(
    lines.map((line) => {
      const [name = '', ...value] = line.split(':')
      return [name.toLowerCase(), value.join(':').trim()] as const
    }),
  )
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') }
}

/** All that comes until the connection ends, in whatever way. */
export const readAll = async (socket: Socket): Promise<Buffer> => {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  await new Promise((closed) => socket.once('close', closed))
  return Buffer.concat(chunks)
}

/** Sends these bytes as they are, and nothing else, on a connection of its own. */
export const sendRaw = async (port: number, ...parts: readonly (string | Buffer)[]): Promise<RawAnswer> => {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  const all = readAll(socket)
  for (const part of parts) socket.write(part)
  return parseAnswer(await all)
}

/** A request as the wallet server sends it: these headers and no other, a connection for each call. */
export const walletRequest = (method: string, path: string, body?: object): string => {
  const payload = body === undefined ? '' : JSON.stringify(body)
  const entity =
    body === undefined
      ? ''
      : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(payload)}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: kms.example:3000\r\nAccept-Encoding: gzip, deflate\r\n${entity}Connection: close\r\n\r\n${payload}`
}
