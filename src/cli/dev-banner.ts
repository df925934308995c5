import type { Configuration } from '../config/configuration.ts'
import { DEV_DEFAULTS, type ServiceSettings } from '../config/service-settings.ts'
import type { RunningService } from '../service/start-service.ts'

const RULE = '='.repeat(78)
const SQLITE = 'sqlite:'

const storeOf = (url: string): string => {
  if (url.startsWith(SQLITE)) return url.slice(SQLITE.length)
  return url === 'memory:' ? 'in memory: it ends with this process' : 'MongoDB'
}

const simulatorWarning = ({ DATA_DIR = DEV_DEFAULTS.DATA_DIR }: ServiceSettings): string =>
  `  The HSM is a simulator whose root keys lie in clear in ${DATA_DIR}.\n`

const tlsWarning = '  There is no TLS: whoever reaches this port from this machine reads every key.\n'

/** What `cofre dev` tells the developer once it is ready. */
export const banner = (
  { service, providers }: Configuration,
  { url, healthUrl }: RunningService,
  isSimulated: boolean,
): string => {
  const hsms = providers.map(({ provider: { name } }) => name).join(', ')
  const isPlain = service.TLS_MODE === 'disabled'
  return `${RULE}
  COFRE FOR DEVELOPMENT: NEVER STORE A KEY HERE THAT IS WORTH SOMETHING.
${isSimulated ? simulatorWarning(service) : ''}${isPlain ? tlsWarning : ''}
  Listening on   ${url}
  Health         ${healthUrl === undefined ? 'off' : `${healthUrl}/livez and /readyz`}
  HSM            ${hsms}${isSimulated ? ' (simulated)' : ''}
  Store          ${storeOf(service.DATABASE_URL)}

  A wallet server needs: the URL ${url}, ${isPlain ? 'with TLS off and no client certificate' : 'mutual TLS, and a client certificate'}.

  Store a key, and read it back:
    curl -sS ${url}/key -H 'content-type: application/json' \\
      -d '{"prv":"xprv-demo","pub":"xpub-demo","coin":"tbtc","source":"user","type":"independent"}'
    curl -sS '${url}/key/xpub-demo?source=user'
${RULE}
`
}
