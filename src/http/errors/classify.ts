import type { FastifyError } from 'fastify'
import { KmsError } from '../../domain/errors.ts'
import { validationMessage } from '../schemas/validation-message.ts'
import { ERROR_TABLE, type ErrorCode } from './error-table.ts'
import { defaultHttpMessage, HttpError, type HttpErrorCode } from './http-error.ts'

/** All that may leave the service of an error. */
export interface Classified {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfter: number | undefined
}

/** Fastify's own refusals, by status; its texts quote what the client sent, so they are not used. */
const BY_STATUS: Readonly<Record<number, HttpErrorCode>> = {
  400: 'bad_request',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  431: 'headers_too_large',
}

const classified = (code: ErrorCode, message: string, retryAfter?: number): Classified => ({
  code,
  message,
  retryAfter: retryAfter ?? ERROR_TABLE[code].retryAfter,
})

/** What is not an error of ours, or of the framework about the request, is `internal_error`. */
export const classify = (error: unknown): Classified => {
  if (error instanceof KmsError) return classified(error.code, error.message)
  if (error instanceof HttpError) return classified(error.code, error.message, error.retryAfter)
  const { validation, statusCode, code: vendorCode } = (error ?? {}) as Partial<FastifyError>
  if (validation !== undefined) {
    return classified('validation_failed', validationMessage(validation))
  }
  const ofFramework = vendorCode?.startsWith('FST_') === true && statusCode !== undefined
  const code = (ofFramework ? BY_STATUS[statusCode] : undefined) ?? 'internal_error'
  return classified(code, defaultHttpMessage(code))
}
