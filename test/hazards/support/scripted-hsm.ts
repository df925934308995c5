import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { certificateSha256 } from '../../../src/simulator/certificate.ts'
import { type Request, RequestReader, replyFrame } from '../../../src/simulator/frames.ts'
import { readHello } from '../../../src/simulator/hello.ts'
import { tlsAcceptor } from '../../../src/simulator/tls-acceptor.ts'
import { sharedSimulatorState } from '../../support/simulator.ts'

/** One record; resolves when it is out, so that the next one is a record of its own. */
export type Send = (record: Buffer) => Promise<void>

export type Script = (request: Request, send: Send) => void | Promise<void>

export interface ScriptedHsm {
  readonly host: string
  readonly port: number
  readonly certificateSha256: string
  /** The TCP side of each connection. */
  readonly connections: ReadonlySet<Socket>
}

const MAX_REQUEST_BYTES = 1_024
const ANSWER_BYTES = 32

const listen = async (
  t: TestContext,
  certificate: string,
  onConnection: (raw: Socket) => void,
): Promise<ScriptedHsm> => {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (raw) => {
    sockets.add(raw)
    raw.on('error', () => {})
    raw.on('close', () => sockets.delete(raw))
    onConnection(raw)
  })
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { host: '127.0.0.1', port, certificateSha256: certificate, connections: sockets }
}

/** A server that speaks plain TCP as it likes. */
export const rawServer = (t: TestContext, onConnection: (raw: Socket) => void): Promise<ScriptedHsm> =>
  listen(t, '0'.repeat(64), onConnection)

const serve = (socket: TLSSocket, script: Script): void => {
  const requests = new RequestReader(MAX_REQUEST_BYTES)
  const send: Send = (record) =>
    new Promise((resolve) => {
      socket.write(record, () => resolve())
    })
  let challenged = false
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    requests.push(chunk)
    if (challenged && requests.take(ANSWER_BYTES) !== undefined) {
      challenged = false
      void send(replyFrame())
    }
    for (let request = requests.next(); request !== undefined; request = requests.next()) {
      if (request.isLogin) {
        challenged = true
        void send(replyFrame(Buffer.alloc(16, 1)))
        return
      }
      void script(request, send)
    }
  })
}

/** A device that lets anyone in and then answers as the test wants. `onSecure` is given the device's side. */
export const scriptedHsm = async (
  t: TestContext,
  script: Script,
  onSecure: (socket: TLSSocket) => void = () => {},
): Promise<ScriptedHsm> => {
  const { certificate } = await sharedSimulatorState()
  const startTls = tlsAcceptor(certificate)
  return listen(t, certificateSha256(certificate), (raw) => {
    readHello(raw).then(
      (ack) => {
        raw.write(ack)
        startTls(raw, (socket) => {
          serve(socket, script)
          onSecure(socket)
        })
      },
      () => raw.destroy(),
    )
  })
}
