import type { FastifyInstance, FastifyRequest } from 'fastify'
import { WipedRequest } from '../memory/wiped-request.ts'

const MAX_TIME = 5_000

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/** Reads and drops the rest of a body, up to a number of bytes and for some seconds. */
const drain = ({ raw }: FastifyRequest, maxBytes: number): Promise<void> =>
  new Promise((resolve) => {
    // What comes from here on is wiped and not kept.
    if (raw instanceof WipedRequest) raw.wipe()
    let left = maxBytes
    const finish = (): void => {
      clearTimeout(timer)
      raw.off('data', onData).off('end', finish).off('close', finish)
      resolve()
    }
    const onData = (chunk: Buffer): void => {
      left -= chunk.length
      if (left < 0) finish()
    }
    const timer = setTimeout(finish, MAX_TIME)
    raw.on('data', onData).on('end', finish).on('close', finish)
    raw.resume()
  })

/**
 * A connection that is closed while the client still sends is reset, and the client may never see why. So a
 * request that is refused before its body was read (413, 415, 503, ...) is read to its end first, within bounds.
 */
export const drainRefusedBodies = (app: FastifyInstance, maxBytes: number): void => {
  app.addHook('onSend', async (request, _reply, payload) => {
    const { raw } = request
    if (hasBody(request) && !raw.readableEnded && !raw.destroyed) await drain(request, maxBytes)
    return payload
  })
}
