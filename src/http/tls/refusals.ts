import type { Logger } from '../../ports/logger.port.ts'

export interface TlsRefusal {
  /** One of a few fixed words. */
  readonly reason: string
  readonly address: string
  /** What OpenSSL says about it. */
  readonly code?: string | undefined
  readonly requestId?: string
  readonly fingerprint?: string | undefined
  readonly subject?: string | undefined
}

export interface RefusalTeller {
  tell(refusal: TlsRefusal): void
}

export interface RefusalTellerOptions {
  readonly logger: Logger
  /** Called for each, those without a line too. */
  readonly onRefusal: (refusal: { readonly reason: string; readonly address: string }) => void
  readonly maxLines?: number
  readonly windowMs?: number
}

const MAX_LINES = 20
const WINDOW_MS = 10_000
const MAX_SUBJECT = 200

/** A line for each refusal, so many in a time: a stranger can't fill the disk. The rest are told as a number. */
export const refusalTeller = ({
  logger,
  onRefusal,
  maxLines = MAX_LINES,
  windowMs = WINDOW_MS,
}: RefusalTellerOptions): RefusalTeller => {
  let told = 0
  let untold = 0
  let windowIsOpen = false
  const endWindow = (): void => {
    windowIsOpen = false
    if (untold > 0) logger.warn({ count: untold }, 'more clients refused')
    told = 0
    untold = 0
  }
  return {
    tell(refusal) {
      const { reason, address, subject } = refusal
      onRefusal({ reason, address })
      if (!windowIsOpen) setTimeout(endWindow, windowMs).unref()
      windowIsOpen = true
      if (told >= maxLines) {
        untold += 1
        return
      }
      told += 1
      logger.warn({ ...refusal, subject: subject?.slice(0, MAX_SUBJECT) }, 'client refused')
    },
  }
}
