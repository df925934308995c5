import { once } from 'node:events'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readonly<Record<string, unknown>>
}

/** Longer than any deadline of the service's. */
const TIMEOUT_MS = 60_000

/**
 * One request on a connection of its own, as the wallet server sends it: a POST where there is a body.
 *
 * @throws Error if no whole answer comes
 */
export const ask = async (url: string, path: string, body?: object): Promise<Answer> => {
  const sent = request(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  sent.end(body && JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  // What breaks from here on is told by the response.
  sent.on('error', () => undefined)
  const answer = JSON.parse(await text(response))
  return { status: response.statusCode ?? 0, headers: response.headers, body: answer }
}
