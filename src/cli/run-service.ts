import { type Configuration, forgetSecrets } from '../config/configuration.ts'
import { openLogger } from '../service/logger.ts'
import { type RunningService, startService } from '../service/start-service.ts'
import { type CommandContext, EXIT_CODE } from './command.ts'

/**
 * Runs the service until the process is asked to end. A start that is still under way then is left where it
 * stands: it has acknowledged nothing, and whatever it was at the next start finishes.
 *
 * @param onReady called once it serves
 */
export const runService = async (
  configuration: Configuration,
  { environment, onReload, stopped }: CommandContext,
  onReady: (service: RunningService) => void = () => {},
): Promise<number> => {
  forgetSecrets(environment, configuration)
  const logger = openLogger(configuration.service.LOG_LEVEL)
  const service = await Promise.race([startService(configuration, logger), stopped])
  if (service === undefined) return EXIT_CODE.ok
  onReady(service)
  onReload(() => void service.reload())
  await stopped
  await service.stop()
  return EXIT_CODE.ok
}
