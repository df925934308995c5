import { BUILT_IN_SECRETS } from '../adapters/hsm/provider-registry.ts'
import { type Configuration, forgetSecrets } from '../config/configuration.ts'
import { openLogger, type ServiceLogger } from '../service/logger.ts'
import { type RunningService, startService } from '../service/start-service.ts'
import { workerCount } from '../service/workers/divide.ts'
import { startWorkers } from '../service/workers/start-workers.ts'
import { isWorker, startWorker } from '../service/workers/worker.ts'
import { WorkerNotStarted } from '../service/workers/worker-process.ts'
import { type CommandContext, EXIT_CODE } from './command.ts'

interface Starting {
  readonly service: Promise<RunningService>
  /** Another reason to end than that of the process. */
  readonly stopped?: Promise<void>
}

/** In one process, or in several: then this is the first of them, or one that it started. */
const begin = (
  configuration: Configuration,
  logger: ServiceLogger,
  environment: NodeJS.ProcessEnv,
): Starting => {
  const { mode, service } = configuration
  if (isWorker()) return startWorker(configuration, logger)
  return {
    service:
      mode === 'serve' && workerCount(service) > 1
        ? startWorkers(configuration, logger, environment)
        : startService(configuration, logger),
  }
}

/**
 * Runs the service until the process is asked to end. A start that is still under way then is left where it
 * stands: it has acknowledged nothing, and whatever it was at the next start finishes.
 *
 * @param read the configuration
 * @param onReady called once it serves
 */
export const runService = async (
  read: () => Promise<Configuration>,
  context: CommandContext,
  onReady: (configuration: Configuration, service: RunningService) => void = () => {},
): Promise<number> => {
  const { environment, onReload } = context
  // The signal would end a process that does not listen to it; one that comes early is heard once it serves.
  const serving = Promise.withResolvers<RunningService>()
  onReload(() => void serving.promise.then((service) => service.reload()))
  const configuration = await read()
  const complete = { ...environment }
  forgetSecrets(environment, configuration, BUILT_IN_SECRETS)
  const starting = begin(configuration, openLogger(configuration.service.LOG_LEVEL), complete)
  const stopped = Promise.race([
    context.stopped,
    ...(starting.stopped === undefined ? [] : [starting.stopped]),
  ])
  try {
    const service = await Promise.race([starting.service, stopped])
    if (service === undefined) return EXIT_CODE.ok
    onReady(configuration, service)
    serving.resolve(service)
    await stopped
    await service.stop()
    return EXIT_CODE.ok
  } catch (error) {
    if (error instanceof WorkerNotStarted) return error.exitCode ?? EXIT_CODE.failed
    throw error
  }
}
