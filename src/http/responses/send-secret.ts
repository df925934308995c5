import type { OutgoingHttpHeaders } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { FastifyReply } from 'fastify'
import type { SecretBytes } from '../../domain/secret-bytes.ts'

/**
 * Answers 200 with a JSON text that holds key material, and wipes it when the socket has taken it or is gone.
 * The text becomes this function's own.
 *
 * Over TLS the headers go first and the body in a write of its own: two buffers in one TLS write are joined in a
 * temporary that nobody wipes. Fastify would send both together, so it is bypassed; its `onSend` hooks too.
 */
export const sendSecretJson = (reply: FastifyReply, json: SecretBytes): FastifyReply => {
  const { raw } = reply
  reply.hijack()
  if (raw.destroyed) {
    json[Symbol.dispose]()
    return reply
  }
  raw.once('close', () => json[Symbol.dispose]())
  raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'application/json; charset=utf-8',
    'content-length': json.length,
  })
  if (raw.socket instanceof TLSSocket) raw.flushHeaders()
  raw.end(json.bytes)
  return reply
}
