/**
 * One of the two servers that are compared, in a process of its own: `bare` or `ours`, and the folder of its files.
 * Both answer the same 200 bytes. On a message it tells the CPU time that it has taken, in microseconds.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pino } from 'pino'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import type { KeyOperations } from '../../src/domain/operations.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { buildApp } from '../../src/http/app.ts'
import { DEFAULT_RATE_LIMITS } from '../../src/http/plugins/rate-limit.ts'
import { openServerTls } from '../../src/http/tls/server-tls.ts'

const [, , role = '', folder = ''] = process.argv
const file = (name: string): string => join(folder, name)
const prv = Buffer.from('x'.repeat(111))
const key = { tenant: 'default', pub: 'p', source: 'user', type: 'independent', coin: 'tbtc' } as const

const bare = async (): Promise<number> => {
  const body = JSON.stringify({ prv: prv.toString(), ...key })
  const server = createServer(
    {
      cert: readFileSync(file('server.pem')),
      key: readFileSync(file('server.key')),
      ca: readFileSync(file('ca.pem')),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
    },
  )
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

const ours = async (): Promise<number> => {
  const logger = pino({ level: 'info' }, { write: () => undefined })
  const tls = await openServerTls({
    settings: {
      certificate: { variable: 'SERVER_TLS_CERT_PATH', path: file('server.pem') },
      key: { variable: 'SERVER_TLS_KEY_PATH', path: file('server.key') },
      authorities: { variable: 'CLIENT_CA_CERT_PATH', path: file('ca.pem') },
      selfSigned: false,
    },
    logger,
    onRefusal: () => undefined,
  })
  const operations: Partial<KeyOperations> = {
    getPrivateKey: async () => ({ key, rootKeyId: '', prv: SecretBytes.copyOf(prv) }),
  }
  const app = buildApp({
    operations: operations as KeyOperations,
    logger,
    tls: tls.options,
    rateLimits: { ...DEFAULT_RATE_LIMITS, reads: 1e9 },
    identify: (request) => {
      const { fingerprint, subject } = tls.clientOf(request)
      return { client: { fingerprint, subject }, caller: UNRESTRICTED }
    },
  })
  tls.follow(app.server)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

const port = await (role === 'bare' ? bare() : ours())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpu: user + system })
})
process.on('disconnect', () => process.exit())
process.send?.({ port })
