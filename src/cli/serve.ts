import { loadProvider } from '../adapters/hsm/provider-registry.ts'
import { forgetSecrets, readConfiguration } from '../config/configuration.ts'
import { openLogger } from '../service/logger.ts'
import { startService } from '../service/start-service.ts'
import { type Command, EXIT_CODE, UsageError } from './command.ts'

/** Production: everything from the environment. */
export const serve: Command = async ({ args, environment, onReload, stopped }) => {
  if (args.length > 0) throw new UsageError('takes no arguments: every setting is an environment variable')
  const configuration = await readConfiguration('serve', { environment, loadProvider })
  forgetSecrets(environment, configuration)
  const logger = openLogger(configuration.service.LOG_LEVEL)
  const service = await startService(configuration, logger)
  onReload(() => void service.reload())
  await stopped
  await service.stop()
  return EXIT_CODE.ok
}
