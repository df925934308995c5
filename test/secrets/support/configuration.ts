import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseAuditKey } from '../../../src/adapters/audit/audit-key.ts'
import { loadProvider } from '../../../src/adapters/hsm/provider-registry.ts'
import { type Configuration, readConfiguration } from '../../../src/config/configuration.ts'
import { auditSettings } from '../../support/service-process.ts'
import { dinamoSettings, simulatorFor, USER } from '../../support/simulator.ts'
import { pemBody } from './pem.ts'

/** A password that stands nowhere else: 16 characters. */
export const PASSWORD = 'pw-8zq3Xv5Lm1Rt7'

/** What `serve` would read, with an HSM in this process; as `init`, so that its first start makes what is missing. */
export const testConfiguration = async (
  t: TestContext,
): Promise<{ readonly configuration: Configuration; readonly secrets: readonly string[] }> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-secrets-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const simulator = await simulatorFor(t, { users: [{ username: USER.username, password: PASSWORD }] })
  const environment = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator, { username: USER.username, password: PASSWORD }),
    ...auditSettings(folder),
  }
  const configuration = await readConfiguration('init', { environment, loadProvider, parseAuditKey })
  return { configuration, secrets: [PASSWORD, pemBody(environment.AUDIT_KEY)] }
}
