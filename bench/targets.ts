import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeAuthority } from '../test/support/certificates.ts'
import { type Running, start } from './support/processes.ts'
import type { ClientTls } from './support/request.ts'

/** Something that answers the four operations. */
export interface Target {
  readonly url: string
  readonly startMs: number
  readonly pid: number | undefined
  /** Asks the service itself; undefined where nothing answers. */
  readonly probe: string | undefined
  stop(): Promise<void>
  restart(): Promise<Target>
}

const script = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Certificates and keys: of a server in files, of its client as texts. */
export interface TlsFiles {
  readonly serverCert: string
  readonly serverKey: string
  readonly authority: string
  readonly client: ClientTls
}

export const makeTlsFiles = async (folder: string): Promise<TlsFiles> => {
  const authority = await makeAuthority()
  const [server, client] = [await authority.issueServer(), await authority.issueClient()]
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text, { mode: 0o600 })
    return path
  }
  return {
    serverCert: await write('server.pem', server.cert),
    serverKey: await write('server.key', server.key),
    authority: await write('authority.pem', authority.cert),
    client: { cert: client.cert, key: client.key, ca: authority.cert },
  }
}

const HSM_USER = { DINAMO_USERNAME: 'bench', DINAMO_PASSWORD: 'bench-password' }

export interface SimulatorProcess {
  readonly port: number
  readonly settings: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string>>
}

export const startSimulatorProcess = async (folder: string): Promise<SimulatorProcess> => {
  const running = await start(
    process.execPath,
    [
      script('./support/simulator.ts'),
      join(folder, 'hsm.json'),
      HSM_USER.DINAMO_USERNAME,
      HSM_USER.DINAMO_PASSWORD,
    ],
    {},
  )
  const { port, certificateSha256 } = JSON.parse(running.ready)
  const environment = { ...HSM_USER, DINAMO_HOST: `127.0.0.1:${port}`, DINAMO_CERT_SHA256: certificateSha256 }
  const settings = {
    ...environment,
    DINAMO_PADDING: 'auto',
    DINAMO_ROOT_KEY_EXPORTABLE: false,
    DINAMO_ALLOW_STATIC_RSA: false,
    DINAMO_OPERATION_TIMEOUT_MS: 5_000,
    DINAMO_CONNECT_TIMEOUT_MS: 3_000,
    DINAMO_MAX_SESSIONS: 8,
    HSM_DEADLINE_MS: 8_000,
  }
  return { port, settings, environment }
}

const targetOf = (running: Running, url: string, again: () => Promise<Target>, probe?: string): Target => ({
  url,
  startMs: running.startMs,
  pid: running.process.pid,
  probe,
  stop: () => running.stop(),
  async restart() {
    await running.stop()
    return await again()
  },
})

export const startBareHttp = async (): Promise<Target> => {
  const running = await start(process.execPath, [script('./limits/http.ts')], {})
  return targetOf(running, running.ready, startBareHttp)
}

/** On a port of its own at every start. */
export const startReference = async (
  folder: string,
  simulator: SimulatorProcess,
  tls?: TlsFiles,
): Promise<Target> => {
  const running = await start(process.execPath, [script('./reference/server.ts')], {
    ...HSM_USER,
    DINAMO_HOST: '127.0.0.1',
    DINAMO_PORT: String(simulator.port),
    REFERENCE_DB: join(folder, tls === undefined ? 'reference.sqlite' : 'reference-tls.sqlite'),
    ...(tls && {
      REFERENCE_CERT: tls.serverCert,
      REFERENCE_KEY: tls.serverKey,
      REFERENCE_CLIENT_CA: tls.authority,
    }),
  })
  return targetOf(running, running.ready, () => startReference(folder, simulator, tls))
}

const AUDIT_KEY = generateKeyPairSync('ed25519')
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

export interface ServiceOptions {
  /** More variables. */
  readonly environment?: Readonly<Record<string, string>>
  /** Without them it speaks plain HTTP. */
  readonly tls?: TlsFiles
}

/** The store's anchor, as `cofre init` prints it. */
const anchorOf = (environment: Readonly<Record<string, string | undefined>>): string => {
  const printed = execFileSync(process.execPath, [script('../bin/cofre.js'), 'init'], {
    env: { PATH: process.env.PATH, ...environment },
    encoding: 'utf8',
  })
  return /^STORE_ANCHOR=(.+)$/m.exec(printed)?.[1] ?? ''
}

/** `cofre serve` on a store of its own. */
export const startService = async (
  folder: string,
  simulator: SimulatorProcess,
  options: ServiceOptions = {},
): Promise<Target> => {
  const { environment, tls } = options
  const name = randomUUID()
  const probe = join(folder, `${name.slice(0, 8)}.sock`)
  const variables = {
    ...simulator.environment,
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    ...(tls === undefined
      ? { TLS_MODE: 'disabled' }
      : {
          SERVER_TLS_CERT_PATH: tls.serverCert,
          SERVER_TLS_KEY_PATH: tls.serverKey,
          CLIENT_CA_CERT_PATH: tls.authority,
        }),
    DATABASE_URL: `sqlite:${join(folder, `${name}.sqlite`)}`,
    HSM_PROVIDER: 'dinamo',
    POLICY: 'open',
    AUDIT_LOG: join(folder, `${name}.audit`),
    AUDIT_KEY,
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'info',
    COFRE_BENCH_PROBE: probe,
    ...environment,
  }
  const running = await start(
    process.execPath,
    ['--import', script('./support/probe.ts'), script('../bin/cofre.js'), 'serve'],
    { ...variables, STORE_ANCHOR: anchorOf(variables) },
    (line) => line.includes('"msg":"ready"'),
  )
  const [address = ''] = /127\.0\.0\.1:\d+/.exec(running.ready) ?? []
  const url = `${tls === undefined ? 'http' : 'https'}://${address}`
  return targetOf(running, url, () => startService(folder, simulator, options), probe)
}
