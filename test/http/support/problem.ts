import assert from 'node:assert/strict'
import { ERROR_TABLE, type ErrorCode } from '../../../src/http/errors/error-table.ts'
import type { Problem } from '../../../src/http/errors/problem.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The shape that every error has, whoever answers it. */
export const assertProblem = (
  payload: string,
  headers: Readonly<Record<string, unknown>>,
  status: number,
  code: string,
): Problem => {
  const problem: Problem = JSON.parse(payload)
  assert.equal(problem.code, code)
  assert.match(String(headers['content-type']), /^application\/problem\+json/)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.match(problem.requestId, UUID)
  assert.ok(problem.message.length > 0)
  assert.deepEqual(problem, {
    type: `urn:cofre:error:${code}`,
    title: ERROR_TABLE[code as ErrorCode].title,
    status,
    detail: problem.message,
    instance: `urn:uuid:${problem.requestId}`,
    message: problem.message,
    code,
    requestId: problem.requestId,
  })
  return problem
}
