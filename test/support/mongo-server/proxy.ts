import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Scope } from '../mongo-server.ts'

/**
 * What becomes of a command: `pass`; `swallow` it, and never answer; `cut` the connection before the server sees
 * it, or once the server has answered (`cut-answer`).
 */
export type Fate = 'pass' | 'swallow' | 'cut' | 'cut-answer'

export interface MongoProxy {
  /** The server's URL, by way of the proxy. */
  readonly url: string
  /** Asked for every command but the driver's own greetings; at first everything passes. */
  decide: (command: string) => Fate | Promise<Fate>
}

const OP_MSG = 2013
const HEADER_BYTES = 16
/** Of the first name in a message's document, which is the command: behind flags, kind, length and type. */
const COMMAND_OFFSET = HEADER_BYTES + 10
const GREETINGS = new Set(['hello', 'ismaster', 'isMaster'])

/** @returns undefined for a greeting */
const commandIn = (message: Buffer): string | undefined => {
  if (message.readUInt32LE(12) !== OP_MSG) return undefined
  const name = message.toString('latin1', COMMAND_OFFSET, message.indexOf(0, COMMAND_OFFSET))
  return GREETINGS.has(name) ? undefined : name
}

/** Whole messages, whatever pieces they come in. */
async function* messagesOf(socket: Socket): AsyncGenerator<Buffer> {
  let read = Buffer.alloc(0)
  for await (const chunk of socket) {
    read = Buffer.concat([read, chunk as Buffer])
    for (let length = 0; read.length >= 4; read = read.subarray(length)) {
      length = read.readUInt32LE(0)
      if (read.length < length) break
      yield read.subarray(0, length)
    }
  }
}

const relay = async (client: Socket, server: Socket, proxy: MongoProxy): Promise<void> => {
  const answers = messagesOf(server)
  for await (const message of messagesOf(client)) {
    const command = commandIn(message)
    const fate = command === undefined ? 'pass' : await proxy.decide(command)
    if (fate === 'cut') return
    if (fate === 'swallow') continue
    server.write(message)
    const { value: answer } = await answers.next()
    if (fate === 'cut-answer' || answer === undefined) return
    client.write(answer)
  }
}

/** Between a store and its server, to lose what a test wants to be lost. */
export const startMongoProxy = async (scope: Scope, serverUrl: string): Promise<MongoProxy> => {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connect({ host: hostname, port: Number(port) })
    for (const socket of [client, server]) {
      sockets.add(socket.on('error', () => undefined))
      socket.on('close', () => sockets.delete(socket))
    }
    void relay(client, server, proxy)
      .catch(() => undefined)
      .finally(() => {
        client.destroy()
        server.destroy()
      })
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(serverUrl)
  url.port = String((listener.address() as AddressInfo).port)
  const proxy: MongoProxy = { url: url.href, decide: () => 'pass' }
  scope.after(async () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
    await once(listener, 'close')
  })
  return proxy
}
