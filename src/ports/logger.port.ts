/** One structured line: fields first, then a fixed text. Never key material, never a request's body. */
export type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** The part of pino's logger that is used here. */
export interface Logger {
  readonly debug: LogLine
  readonly info: LogLine
  readonly warn: LogLine
  readonly error: LogLine
}
