import type { Logger } from '../ports/logger.port.ts'

/** @returns closes everything in the reverse order of its opening, once, however often it is called */
export const stopOnce = (opened: AsyncDisposableStack, logger: Logger): (() => Promise<void>) => {
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    logger.info({}, 'stopping')
    await opened.disposeAsync()
    logger.info({}, 'stopped')
  }
  return () => {
    stopping ??= stop()
    return stopping
  }
}
