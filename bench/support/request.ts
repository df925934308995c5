import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'

/** Client certificate and CA, PEM. */
export interface ClientTls {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
}

export interface Answer {
  readonly status: number | undefined
  readonly text: string
}

/** Over a connection of its own, as the wallet server does. @throws Error if there is no answer */
export const ask = (url: string, { method, path, body }: Request, tls?: ClientTls): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const request = tls === undefined ? plainRequest : tlsRequest
    request(url + path, { method, agent: false, ...tls, ...(headers && { headers }) }, (answer) => {
      let received = ''
      answer
        .setEncoding('utf8')
        .on('data', (chunk) => {
          received += chunk
        })
        .once('close', () => resolve({ status: answer.statusCode, text: received }))
    })
      .once('error', reject)
      .end(text)
  })
