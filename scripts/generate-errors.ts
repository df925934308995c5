import { defaultMessage, KMS_ERROR_CODES, type KmsErrorCode } from '../src/domain/errors.ts'
import { ERROR_TABLE, type ErrorCode } from '../src/http/errors/error-table.ts'
import { defaultHttpMessage, HTTP_ERROR_CODES, type HttpErrorCode } from '../src/http/errors/http-error.ts'

const HEAD = `# Errors

Generated from \`src/http/errors/error-table.ts\`; change it there.

Every error, on every path, is a JSON object of the media type \`application/problem+json\` (RFC 9457):

\`\`\`json
{
  "type": "urn:cofre:error:private_key_not_found",
  "title": "No such private key",
  "status": 404,
  "detail": "No private key is stored for this pub and source.",
  "instance": "urn:uuid:0b9f6f0a-9d5c-4b52-8f4c-6a8a1f1c2d3e",
  "message": "No private key is stored for this pub and source.",
  "code": "private_key_not_found",
  "requestId": "0b9f6f0a-9d5c-4b52-8f4c-6a8a1f1c2d3e"
}
\`\`\`

\`code\` is stable and for programs. \`message\` (and \`detail\`, the same) is for people: it names the field that is
wrong and what it must be, and never repeats what was sent. \`requestId\` is that of the log line that has the
reason: 4xx at info, 5xx at error. Where a repetition can succeed, \`Retry-After\` says after how many seconds.
A path of the service with another method is 405 with \`Allow\`; \`HEAD\` is not answered by \`GET\`, and an answer to
\`HEAD\` has no body. What Node.js can't parse as HTTP is answered in the same shape on a connection that then closes.
`

const isKmsCode = (code: ErrorCode): code is KmsErrorCode =>
  (KMS_ERROR_CODES as readonly string[]).includes(code)

const messageOf = (code: ErrorCode): string =>
  isKmsCode(code) ? defaultMessage(code) : defaultHttpMessage(code)

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** The text of docs/errors.md. */
export const errorsDocument = (): string => {
  const codes: readonly (KmsErrorCode | HttpErrorCode)[] = [...KMS_ERROR_CODES, ...HTTP_ERROR_CODES]
  const rows = codes
    .map((code) => ({ code, ...ERROR_TABLE[code] }))
    .sort((a, b) => a.status - b.status || (a.code < b.code ? -1 : 1))
    .map(({ code, status, title, retryAfter }) =>
      row(
        String(status),
        `\`${code}\``,
        title,
        retryAfter === undefined ? '' : `${retryAfter} s`,
        messageOf(code),
      ),
    )
  const table = [
    row('Status', 'Code', 'Title', 'Retry-After', 'Message'),
    row(...Array(5).fill('---')),
    ...rows,
  ]
  return `${HEAD}\n${table.join('\n')}\n`
}
