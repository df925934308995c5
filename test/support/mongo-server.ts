import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { buildMongoServer, hasGo } from './mongo-server/build.ts'

/** Where something is registered that must be undone: a test, or a file with `after` of node:test. */
export type Scope = { readonly after: (undo: () => Promise<void>) => void } | TestContext

export interface MongoServer {
  /** Without a database's name; the same after a restart. */
  readonly url: string
  /** In one moment, as a power cut does. */
  kill(): Promise<void>
  stop(): Promise<void>
  /** On the same port, with what is stored. Precondition: killed or stopped. */
  restart(): Promise<void>
}

type Server = ChildProcessByStdio<Writable, Readable, null>

const start = async (binary: string, folder: string, address: string): Promise<[Server, string]> => {
  const server = spawn(binary, [folder, address], { stdio: ['pipe', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: server.stdout })) return [server, line]
  throw new Error('the MongoDB server for the tests did not start')
}

const ended = async (server: Server, end: () => void): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exit = once(server, 'exit')
  end()
  await exit
}

/** A server of its own, of MongoDB's protocol; it ends with this process. Precondition: `missingMongoServer` is undefined. */
export const startMongoServer = async (scope: Scope): Promise<MongoServer> => {
  const binary = await buildMongoServer()
  const folder = await mkdtemp(join(tmpdir(), 'cofre-mongo-'))
  let [server, address] = await start(binary, folder, '127.0.0.1:0')
  const kill = async (): Promise<void> => await ended(server, () => server.kill('SIGKILL'))
  scope.after(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    url: `mongodb://${address}/`,
    kill,
    stop: async () => await ended(server, () => server.stdin.end()),
    restart: async () => {
      ;[server, address] = await start(binary, folder, address)
    },
  }
}

const HOW_TO_GET =
  'Go 1.24 or newer (https://go.dev/dl) builds the MongoDB server of these tests, and is not in the PATH'

const unlessInCi = (reason: string | undefined): string | undefined => {
  if (reason !== undefined && process.env.CI === 'true') throw new Error(reason)
  return reason
}

/** Why suites that stop and start a server of their own can't run here; undefined if they can. In CI they must. */
export const missingMongoServer = (): string | undefined => unlessInCi(hasGo() ? undefined : HOW_TO_GET)

/** The same for suites that a server of the user's choice will do for. */
export const missingMongo = (): string | undefined =>
  process.env.MONGODB_TEST_URL === undefined
    ? unlessInCi(hasGo() ? undefined : `${HOW_TO_GET}; or set MONGODB_TEST_URL to a server of yours`)
    : undefined
