import { createServer, type Server, type ServerResponse } from 'node:http'
import { within } from '../domain/deadline.ts'
import { SECURITY_HEADERS } from './plugins/security-headers.ts'

const CACHE_MS = 1_000
const DEADLINE_MS = 2_000
const MAX_CONNECTIONS = 64
const SOCKET_TIMEOUT_MS = 10_000

export interface HealthDeps {
  /** Whether an operation that began now could succeed; it may take long, or fail. */
  readonly ready: () => Promise<boolean>
  /** Whether it ends now: then it is not ready, whatever was known a moment ago. */
  readonly ending?: () => boolean
  /** Monotonic milliseconds; replaced where a test needs known ones. */
  readonly now?: () => number
}

/**
 * Asks once for all who ask at a time, and again only when the answer is a second old. One that does not come in
 * time is a no, and nothing more is asked until it has come.
 */
const cachedReadiness = (ready: () => Promise<boolean>, now: () => number): (() => Promise<boolean>) => {
  let answer: Promise<boolean> = Promise.resolve(false)
  let validUntil = Number.NEGATIVE_INFINITY
  let pending = false
  return () => {
    if (pending || now() < validUntil) return answer
    pending = true
    const asked = Promise.try(ready).finally(() => {
      pending = false
      validUntil = now() + CACHE_MS
    })
    answer = within(DEADLINE_MS, asked, 'readiness').catch(() => false)
    return answer
  }
}

const respond = (response: ServerResponse, status: number, text: string): void => {
  const body = JSON.stringify({ status: text })
  response
    .writeHead(status, {
      ...SECURITY_HEADERS,
      'content-type': 'application/json; charset=utf-8',
      'content-length': body.length,
    })
    .end(body)
}

/**
 * `GET /livez` (the process answers) and `GET /readyz` (200 or 503), for whoever supervises the service. It says
 * nothing else, and needs no certificate: it belongs on an address of its own.
 */
export const buildHealthServer = ({
  ready,
  ending = () => false,
  now = () => performance.now(),
}: HealthDeps): Server => {
  const known = cachedReadiness(ready, now)
  const isReady = async (): Promise<boolean> => !ending() && (await known()) && !ending()
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?', 1)
    if (request.method !== 'GET' || (path !== '/livez' && path !== '/readyz')) {
      respond(response, 404, 'unknown')
    } else if (path === '/livez') {
      respond(response, 200, 'ok')
    } else {
      void isReady().then((yes) => respond(response, yes ? 200 : 503, yes ? 'ok' : 'unavailable'))
    }
  })
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(SOCKET_TIMEOUT_MS)
  return server
}
