import { randomUUID } from 'node:crypto'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { SECURITY_HEADERS } from '../plugins/security-headers.ts'
import { defaultHttpMessage, type HttpErrorCode } from './http-error.ts'
import { PROBLEM_MEDIA_TYPE, type Problem, problem } from './problem.ts'

const HEADERS = Object.entries({
  'content-type': PROBLEM_MEDIA_TYPE,
  ...SECURITY_HEADERS,
  connection: 'close',
}).map(([name, value]) => `${name}: ${value}\r\n`)

const BY_NODE_CODE: Readonly<Record<string, HttpErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const rawResponse = (body: Problem): string => {
  const text = JSON.stringify(body)
  const { status } = body
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n${HEADERS.join('')}\r\n${text}`
}

const TLS_ERROR = /^ERR_(SSL|TLS)_/

/** Answers what never became a request: there are only the socket and Node's error. */
export const answerRaw = (socket: Socket, code: HttpErrorCode): Problem => {
  const body = problem(code, defaultHttpMessage(code), randomUUID())
  // After CONNECT nobody else listens, and an error that nobody hears ends the process.
  socket.on('error', () => socket.destroy())
  socket.end(rawResponse(body), () => socket.destroy())
  return body
}

/**
 * For what Node could not parse, or waited for too long. It is not answered where an answer could be taken for
 * that of another request: one that is complete and still at work, or whose answer has begun.
 */
export const clientErrorHandler =
  (log: FastifyBaseLogger, inFlight: () => Iterable<ServerResponse>) =>
  (error: Error & { code?: unknown; rawPacket?: unknown }, socket: Socket): void => {
    const reason = typeof error.code === 'string' ? error.code : error.name
    // Whatever could not be parsed may hold a key.
    if (Buffer.isBuffer(error.rawPacket)) error.rawPacket.fill(0)
    const address = socket.remoteAddress
    if (TLS_ERROR.test(reason)) {
      socket.destroy()
      log.info({ reason, address }, 'TLS handshake refused')
      return
    }
    const taken = [...inFlight()].some(
      (response) => response.socket === socket && (response.headersSent || response.req.complete),
    )
    if (!socket.writable || taken || reason === 'ECONNRESET') {
      socket.destroy()
      log.debug({ reason, address }, 'connection ended')
      return
    }
    const { requestId, code, status } = answerRaw(socket, BY_NODE_CODE[reason] ?? 'bad_request')
    log.info({ requestId, code, status, reason, address }, 'request refused')
  }
