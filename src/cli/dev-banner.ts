import type { Configuration } from '../config/configuration.ts'
import { DEV_DEFAULTS } from '../config/service-settings.ts'
import type { RunningService } from '../service/start-service.ts'

const RULE = '='.repeat(78)

const storeOf = (url: string): string =>
  url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : 'elsewhere'

/** What `cofre dev` tells the developer once it is ready. */
export const banner = ({ service, providers }: Configuration, { url, healthUrl }: RunningService): string => {
  const hsms = providers.map(({ provider }) => provider.name).join(', ')
  return `${RULE}
  COFRE FOR DEVELOPMENT: NEVER STORE A KEY HERE THAT IS WORTH SOMETHING.
  The HSM is a simulator whose root keys lie in clear in ${service.DATA_DIR ?? DEV_DEFAULTS.DATA_DIR}, there is no TLS,
  and whoever reaches this port reads every key.

  Listening on   ${url}
  Health         ${healthUrl === undefined ? 'off' : `${healthUrl}/livez and /readyz`}
  HSM            ${hsms}
  Store          ${storeOf(service.DATABASE_URL)}

  A wallet server needs:  URL ${url}, TLS off, no client certificate.

  Store a key, and read it back:
    curl -sS ${url}/key -H 'content-type: application/json' \\
      -d '{"prv":"xprv-demo","pub":"xpub-demo","coin":"tbtc","source":"user","type":"independent"}'
    curl -sS '${url}/key/xpub-demo?source=user'
${RULE}
`
}
