import { loadProvider } from '../adapters/hsm/provider-registry.ts'
import { forgetSecrets, readConfiguration } from '../config/configuration.ts'
import { openLogger } from '../service/logger.ts'
import { startService } from '../service/start-service.ts'
import { type Command, EXIT_CODE, UsageError } from './command.ts'
import { banner } from './dev-banner.ts'
import { DevSimulator } from './dev-simulator.ts'

/** Development: whatever is not configured is made up, on this machine alone. */
export const dev: Command = async ({ args, environment, print, stopped }) => {
  if (args.length > 0) throw new UsageError('takes no arguments: every setting is an environment variable')
  await using simulator = new DevSimulator(environment)
  const configuration = await readConfiguration('dev', {
    environment,
    loadProvider,
    providerDefaults: (service) => simulator.start(service),
  })
  forgetSecrets(environment, configuration)
  const logger = openLogger(configuration.service.LOG_LEVEL)
  const service = await startService(configuration, logger)
  print(banner(configuration, service))
  await stopped
  await service.stop()
  return EXIT_CODE.ok
}
