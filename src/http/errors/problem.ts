import { ERROR_TABLE, type ErrorCode } from './error-table.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** RFC 9457 problem details, plus what the wallet server shows (`message`) and what programs compare (`code`). */
export interface Problem {
  /** A name, not an address: there is nothing to fetch. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** This one occurrence. */
  readonly instance: string
  readonly message: string
  readonly code: ErrorCode
  /** The same that the log has. */
  readonly requestId: string
}

export const problem = (code: ErrorCode, message: string, requestId: string): Problem => {
  const { status, title } = ERROR_TABLE[code]
  return {
    type: `urn:cofre:error:${code}`,
    title,
    status,
    detail: message,
    instance: `urn:uuid:${requestId}`,
    message,
    code,
    requestId,
  }
}
