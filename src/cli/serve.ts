import { parseAuditKey } from '../adapters/audit/audit-key.ts'
import { loadProvider } from '../adapters/hsm/provider-registry.ts'
import { readConfiguration } from '../config/configuration.ts'
import { type Command, UsageError } from './command.ts'
import { refuseToReveal } from './refuse-to-reveal.ts'
import { runService } from './run-service.ts'

/** Production: everything from the environment. */
export const serve: Command = async (context) => {
  const { args, environment } = context
  if (args.length > 0) throw new UsageError('takes no arguments: every setting is an environment variable')
  refuseToReveal(environment)
  return await runService(
    () => readConfiguration('serve', { environment, loadProvider, parseAuditKey }),
    context,
  )
}
