import cluster from 'node:cluster'
import type { Configuration } from '../../config/configuration.ts'
import type { ServiceLogger } from '../logger.ts'
import { type RunningService, startService } from '../start-service.ts'
import { partOf, workerCount } from './divide.ts'
import { type FromWorker, type ToWorker, WORKER_NUMBER } from './messages.ts'

const tell = (message: FromWorker): void => {
  // The first process may be gone; then this one ends by itself.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** Whether this process is one of several, started by the first. */
export const isWorker = (): boolean => cluster.isWorker && process.env[WORKER_NUMBER] !== undefined

/** Resolves when the first process says so. What else it says is passed on to the service, once there is one. */
const listen = (service: () => RunningService | undefined): Promise<void> =>
  new Promise((stop) => {
    process.on('message', (message: ToWorker) => {
      switch (message.kind) {
        case 'stop':
          stop()
          break
        case 'reload':
          void service()?.reload()
          break
        case 'ping':
          tell({ kind: 'pong' })
          break
        case 'ask': {
          const { id } = message
          const answer = (ready: boolean): void => tell({ kind: 'answer', id, ready })
          Promise.try(async () => (await service()?.ready()) ?? false).then(answer, () => answer(false))
          break
        }
        default:
      }
    })
    // It is what this process lives for.
    process.channel?.ref()
  })

export interface RunningWorker {
  /** Rejects as `startService` does. */
  readonly service: Promise<RunningService>
  /** Resolves when the first process says so. */
  readonly stopped: Promise<void>
}

/** Serves as one of several processes. */
export const startWorker = (configuration: Configuration, logger: ServiceLogger): RunningWorker => {
  const part = { number: Number(process.env[WORKER_NUMBER]), count: workerCount(configuration.service) }
  let running: RunningService | undefined
  const stopped = listen(() => running)
  const start = async (): Promise<RunningService> => {
    running = await startService(
      partOf(configuration, part),
      logger.child({ worker: part.number }) as ServiceLogger,
      part.count,
    )
    tell({ kind: 'serving', url: running.url })
    return running
  }
  return { service: start(), stopped }
}
