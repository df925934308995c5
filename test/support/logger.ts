import type { Logger } from '../../src/ports/logger.port.ts'

export interface LoggedLine {
  readonly level: keyof Logger
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger that keeps what it is told. */
export const keepingLogger = (): { readonly logger: Logger; readonly lines: LoggedLine[] } => {
  const lines: LoggedLine[] = []
  const at =
    (level: keyof Logger): Logger['info'] =>
    (fields, message) =>
      void lines.push({ level, fields, message })
  return { logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines }
}
