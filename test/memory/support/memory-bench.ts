import { constants, createPrivateKey, privateDecrypt } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SecureVersion } from 'node:tls'
import { parseToken } from '../../../src/domain/wrapped-data-key.ts'
import { openSimulatorState } from '../../../src/simulator/state.ts'
import { makeAuthority } from '../../support/certificates.ts'
import { auditSettings, type ServiceProcess, startServiceProcess } from '../../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../../support/simulator.ts'
import { type Client, type ClientTls, clientOf } from './client.ts'

const LOG_DEADLINE_MS = 30_000

export interface Transport {
  readonly format: 'sjcl' | 'a256gcm'
  /** Without it plain HTTP. */
  readonly tls?: SecureVersion
  readonly settings?: Readonly<Record<string, string>>
}

/** A running service, and all that whoever holds its database and its HSM could know. */
export interface MemoryBench {
  readonly service: ServiceProcess
  readonly client: Client
  readonly settings: Readonly<Record<string, string>>
  /** Where its database and its audit log are. */
  readonly folder: string
  row(pub: string): { readonly encryptedPrv: string; readonly encryptedDataKey: string }
  replaceEnvelope(pub: string, envelope: string): void
  dataKeyOf(token: string): Promise<Buffer>
  /** Waits for a line of its log that is not among the first `from`. */
  logged(pattern: RegExp, from: number): Promise<void>
}

const makeTls = async (folder: string, version: SecureVersion) => {
  const authority = await makeAuthority()
  const [server, client] = await Promise.all([authority.issueServer(), authority.issueClient()])
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const settings = {
    TLS_MODE: 'mtls',
    SERVER_TLS_CERT_PATH: await write('server.pem', server.cert),
    SERVER_TLS_KEY_PATH: await write('server.key', server.key),
    CLIENT_CA_CERT_PATH: await write('ca.pem', authority.cert),
  }
  const tls: ClientTls = { ca: authority.cert, cert: client.cert, key: client.key, version }
  return { settings, tls }
}

/** The data key of a token, found as whoever had the HSM's private key could. */
const openTokenWith = async (statePath: string, text: string): Promise<Buffer> => {
  const token = parseToken(text)
  if (token === undefined) throw new Error('no token')
  const { objects } = JSON.parse(await readFile(statePath, 'utf8')) as {
    objects: { name: string; pkcs8: string }[]
  }
  const { pkcs8 = '' } = objects.find(({ name }) => name.endsWith(`/${token.rootKeyId}`)) ?? {}
  const key = createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), type: 'pkcs8', format: 'der' })
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  return privateDecrypt({ key, padding, oaepHash: 'sha256' }, token.wrapped)
}

/** A secret comes either by itself or in a file. */
const withoutThoseInFiles = (settings: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => settings[`${name}_FILE`] === undefined))

/** The simulator runs in the test's process, so that what a device holds is not taken for the service's. */
export const openMemoryBench = async (
  t: TestContext,
  { format, tls: version, settings: more }: Transport,
): Promise<MemoryBench> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-memory-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const statePath = join(folder, 'hsm.json')
  const simulator = await simulatorFor(t, await openSimulatorState(statePath))
  const secured = version === undefined ? undefined : await makeTls(folder, version)
  const path = join(folder, 'cofre.sqlite')
  const settings = withoutThoseInFiles({
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    RATE_LIMIT: 'off',
    DATABASE_URL: `sqlite:${path}`,
    ...dinamoSettings(simulator),
    ENVELOPE_FORMAT: format,
    ...auditSettings(folder),
    ...secured?.settings,
    ...more,
  })
  const service = await startServiceProcess('serve', settings)
  t.after(() => service.kill())
  const database = new DatabaseSync(path)
  t.after(() => database.close())
  return {
    service,
    settings,
    folder,
    client: clientOf(service.url, secured?.tls),
    row: (pub) => {
      const found = database
        .prepare('SELECT encryptedPrv, encryptedDataKey FROM private_keys WHERE pub = ?')
        .get(pub)
      if (found === undefined) throw new Error(`no row of ${pub}`)
      return {
        encryptedPrv: String(found.encryptedPrv),
        encryptedDataKey: String(found.encryptedDataKey),
      }
    },
    replaceEnvelope: (pub, envelope) => {
      database.prepare('UPDATE private_keys SET encryptedPrv = ? WHERE pub = ?').run(envelope, pub)
    },
    dataKeyOf: (token) => openTokenWith(statePath, token),
    async logged(pattern, from) {
      for (const end = Date.now() + LOG_DEADLINE_MS; Date.now() < end; await sleep(10)) {
        if (service.output.slice(from).some((line) => pattern.test(line))) return
      }
      throw new Error(`the service never logged ${pattern}`)
    },
  }
}
