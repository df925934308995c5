import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Simulator } from '../../../src/simulator/simulator.ts'
import { auditSettings, type ServiceProcess, startServiceProcess } from '../../support/service-process.ts'
import { dinamoSettings } from '../../support/simulator.ts'

type Settings = Readonly<Record<string, string>>

/** One instance of the service, with an audit log of its own, over all its starts. */
export interface Instance {
  readonly settings: Settings
  /** Where it serves; undefined while it is down. */
  readonly url: string | undefined
  /** Precondition: it is down. */
  start(): Promise<ServiceProcess>
  /** In one moment, as a power cut does. */
  kill(): Promise<void>
}

export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-service-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export const sqliteIn = async (t: TestContext): Promise<string> =>
  `sqlite:${join(await temporaryFolder(t), 'cofre.sqlite')}`

/** Not started yet; killed with the test. */
export const newInstance = async (
  t: TestContext,
  simulator: Simulator,
  databaseUrl: string,
  more: Settings = {},
): Promise<Instance> => {
  const settings = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    RATE_LIMIT: 'off',
    WORKERS: '1',
    DATABASE_URL: databaseUrl,
    ...dinamoSettings(simulator),
    ...auditSettings(await temporaryFolder(t)),
    ...more,
  }
  let running: ServiceProcess | undefined
  const kill = async (): Promise<void> => {
    const killed = running
    running = undefined
    await killed?.kill()
  }
  t.after(kill)
  return {
    settings,
    get url() {
      return running?.url
    },
    async start() {
      running = await startServiceProcess('serve', settings)
      return running
    },
    kill,
  }
}

/** Precondition: it was started. */
export const urlOf = ({ url }: Instance): string => {
  if (url === undefined) throw new Error('the instance is down')
  return url
}
