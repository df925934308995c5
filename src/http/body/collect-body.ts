import type { Readable } from 'node:stream'
import { HttpError } from '../errors/http-error.ts'

const wipe = (chunks: readonly Buffer[]): void => {
  for (const chunk of chunks) chunk.fill(0)
}

/** Copies into an ArrayBuffer of its own (`Buffer.concat` would take a shared pool) and wipes the chunks. */
const join = (chunks: readonly Buffer[], length: number): Buffer => {
  const body = Buffer.from(new ArrayBuffer(length))
  let at = 0
  for (const chunk of chunks) at += chunk.copy(body, at)
  wipe(chunks)
  return body
}

/**
 * The whole body, for the caller to wipe. What of it had come is wiped where this rejects; the rest of a body
 * that is too large is left unread.
 *
 * @throws HttpError `payload_too_large`, `bad_request` where the client went away
 */
export const collectBody = (payload: Readable, declared: number, limit: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0

    const settle = (finish: () => void): void => {
      payload.off('data', onData).off('end', onEnd).off('error', onAbort).off('close', onAbort)
      finish()
    }
    const refuse = (error: HttpError): void =>
      settle(() => {
        payload.pause()
        wipe(chunks)
        reject(error)
      })
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) refuse(new HttpError('payload_too_large'))
    }
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : join(chunks, length)))
    const onAbort = (cause?: Error): void =>
      refuse(new HttpError('bad_request', { message: 'The request ended before its body did.', cause }))

    if (declared > limit) {
      reject(new HttpError('payload_too_large'))
      return
    }
    if (payload.destroyed) {
      onAbort()
      return
    }
    payload.on('data', onData).on('end', onEnd).on('error', onAbort).on('close', onAbort)
  })
