import type { Configuration } from '../../config/configuration.ts'
import { openHealth } from '../health.ts'
import type { ServiceLogger } from '../logger.ts'
import type { RunningService } from '../start-service.ts'
import { stopOnce } from '../stop-once.ts'
import { workerCount } from './divide.ts'
import { WorkerProcess } from './worker-process.ts'

/** Longer than a worker takes by itself to answer what is in flight, and to close. */
const STOP_DEADLINE_MS = 20_000

/**
 * Serves with several processes that share the port: this one starts them, gives them the connections in turn,
 * starts one again that ends, and answers for the health of all. It opens nothing else, so no key ever comes here.
 *
 * The first worker starts alone: whatever is made at a first start is made once.
 *
 * @param environment what the workers read their configuration from, secrets and all
 * @throws WorkerNotStarted; the worker has said why
 * @throws KmsError `start_refused` naming HEALTH_BIND
 */
export const startWorkers = async (
  { service, warnings }: Configuration,
  logger: ServiceLogger,
  environment: NodeJS.ProcessEnv,
): Promise<RunningService> => {
  for (const warning of warnings) logger.warn({}, warning)
  const count = workerCount(service)
  await using resources = new AsyncDisposableStack()
  const health = resources.adopt(await openHealth(service.HEALTH_BIND), (opened) => opened.close())
  // How many there are is settled here, whatever a worker would find.
  const settled = { ...environment, WORKERS: String(count) }
  const workers = Array.from(
    { length: count },
    (_, at) => new WorkerProcess({ number: at + 1, environment: settled, logger }),
  )
  resources.defer(async () => {
    await Promise.all(workers.map((worker) => worker.stop(STOP_DEADLINE_MS)))
  })
  const [first, ...others] = workers
  if (first === undefined) throw new Error('unreachable: there is at least one worker')
  const url = await first.start()
  await Promise.all(others.map((worker) => worker.start()))

  /** Those that serve decide: a connection goes to one of them. */
  const ready = async (): Promise<boolean> => {
    const serving = workers.filter(({ isServing }) => isServing)
    const answers = await Promise.all(serving.map((worker) => worker.isReady()))
    return answers.length > 0 && answers.every(Boolean)
  }
  health.watch(ready)
  resources.defer(() => health.endWatch())
  logger.info({ url, health: health.url, workers: count }, 'ready')

  return {
    url,
    healthUrl: health.url,
    ready,
    async reload() {
      for (const worker of workers) worker.send({ kind: 'reload' })
    },
    stop: stopOnce(resources.move(), logger),
  }
}
