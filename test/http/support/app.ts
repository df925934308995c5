import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type Logger, pino } from 'pino'
import { type AppDeps, buildApp } from '../../../src/http/app.ts'
import type { HttpApp } from '../../../src/http/http-app.ts'
import { memoryOperations } from './operations.ts'

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface TestApp {
  readonly app: HttpApp
  /** Every line logged so far, at any level. */
  readonly log: LogLine[]
}

const recordingLogger = (log: LogLine[]): Logger =>
  pino({ level: 'trace', base: {} }, { write: (line: string) => void log.push(JSON.parse(line)) })

/** The app over operations in memory. */
export const inMemoryApp = (deps: Partial<AppDeps> = {}): TestApp => {
  const log: LogLine[] = []
  return { app: buildApp({ operations: memoryOperations(), logger: recordingLogger(log), ...deps }), log }
}

/** The same, closed when the test ends. */
export const testApp = (t: TestContext, deps: Partial<AppDeps> = {}): TestApp => {
  const made = inMemoryApp(deps)
  t.after(() => made.app.close())
  return made
}

/** The same, listening on loopback. */
export const listeningApp = async (
  t: TestContext,
  deps: Partial<AppDeps> = {},
): Promise<TestApp & { readonly port: number }> => {
  const made = testApp(t, deps)
  await made.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...made, port: (made.app.server.address() as AddressInfo).port }
}

export const KEY = {
  pub: 'xpub661',
  coin: 'tbtc',
  source: 'user',
  type: 'independent',
  prv: 'xprv9s21',
} as const

export const jsonPost = (url: string, body: unknown) => ({
  method: 'POST' as const,
  url,
  headers: { 'content-type': 'application/json' },
  payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
})
