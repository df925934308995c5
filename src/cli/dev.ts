import { parseAuditKey } from '../adapters/audit/audit-key.ts'
import { loadProvider } from '../adapters/hsm/provider-registry.ts'
import { readConfiguration } from '../config/configuration.ts'
import { type Command, UsageError } from './command.ts'
import { banner } from './dev-banner.ts'
import { DevSimulator } from './dev-simulator.ts'
import { runService } from './run-service.ts'

/** Development: whatever is not configured is made up, on this machine alone. */
export const dev: Command = async (context) => {
  const { args, environment, print } = context
  if (args.length > 0) throw new UsageError('takes no arguments: every setting is an environment variable')
  await using simulator = new DevSimulator(environment)
  const read = () =>
    readConfiguration('dev', {
      environment,
      loadProvider,
      parseAuditKey,
      providerDefaults: (service) => simulator.start(service),
    })
  return await runService(read, context, (configuration, service) =>
    print(banner(configuration, service, simulator.isRunning)),
  )
}
