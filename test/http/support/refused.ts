import assert from 'node:assert/strict'
import type { InjectOptions } from 'fastify'
import { inMemoryApp } from './app.ts'
import { assertProblem } from './problem.ts'

/** Nothing that is refused leaves a trace in it. */
const { app, log } = inMemoryApp()

/**
 * Sends it to an app, and checks the answer and its line in the log.
 *
 * @param message the answer's text
 */
export const refused = async (
  request: string | InjectOptions,
  status: number,
  code: string,
  message?: RegExp | string,
) => {
  const response = await app.inject(request)
  const problem = assertProblem(response.payload, response.headers, status, code)
  if (typeof message === 'string') assert.equal(problem.message, message)
  else if (message !== undefined) assert.match(problem.message, message)
  const line = log.find(({ requestId, code: logged }) => requestId === problem.requestId && logged === code)
  assert.equal(line?.level, status >= 500 ? 50 : 30, 'refusals are logged, with the request id')
  return response
}
