import { once } from 'node:events'
import { type OutgoingHttpHeaders, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { connect as connectTls, type SecureVersion } from 'node:tls'

/** What a client needs for TLS; its certificate is one that the service accepts. */
export interface ClientTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly version: SecureVersion
}

export interface Call {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly body?: object | string | Buffer
  readonly headers?: OutgoingHttpHeaders
}

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, string>>
}

/** A connection for each call, as the wallet server makes them. */
export interface Client {
  call(call: Call): Promise<Answer>
  /** A connection on which anything can be sent. */
  open(): Promise<Socket>
}

const bytesOf = (body: object | string | Buffer): Buffer => {
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

export const clientOf = (url: string, tls?: ClientTls): Client => {
  const { hostname, port } = new URL(url)
  const identity = tls && {
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    minVersion: tls.version,
    maxVersion: tls.version,
    servername: 'localhost',
  }
  const request = identity === undefined ? requestHttp : requestHttps
  return {
    async call({ method = 'POST', path, body, headers = {} }) {
      const asked = request(url + path, {
        method,
        agent: false,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...identity,
      })
      asked.end(body === undefined ? undefined : bytesOf(body))
      const [response] = await once(asked, 'response')
      return {
        status: response.statusCode as number,
        body: JSON.parse((await buffer(response)).toString()),
      }
    },
    async open() {
      const address = { host: hostname, port: Number(port) }
      const socket = identity === undefined ? connectTcp(address) : connectTls({ ...address, ...identity })
      await once(socket, identity === undefined ? 'connect' : 'secureConnect')
      socket.on('error', () => socket.destroy())
      return socket
    },
  }
}
