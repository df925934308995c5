/**
 * What a request costs whose client makes a new mTLS connection for each, as the wallet server does: this service's
 * HTTP side beside a bare `node:https` server with the same certificates, in turns. CPU time is what counts; the
 * rate depends on what else the machine does, the load itself above all.
 *
 * `node bench/tls.ts [--seconds 3] [--rounds 4] [--json]`
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeAuthority } from '../test/support/certificates.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '4' },
    json: { type: 'boolean' },
  },
})
const CONCURRENCY = 16
const CERTIFICATES = ['EC', 'RSA'] as const
const ROLES = ['bare', 'ours'] as const
type Role = (typeof ROLES)[number]

const script = (name: string): string => fileURLToPath(new URL(`./tls/${name}.ts`, import.meta.url))

interface Server {
  readonly child: ChildProcess
  readonly port: number
  answered: number
  cpu: number
  seconds: number
}

const startServer = async (role: Role, folder: string): Promise<Server> => {
  const child = fork(script('server'), [role, folder])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { child, port, answered: 0, cpu: 0, seconds: 0 }
}

const cpuOf = async ({ child }: Server): Promise<number> => {
  child.send('cpu')
  const [{ cpu }] = (await once(child, 'message')) as [{ cpu: number }]
  return cpu
}

const loadServer = async (server: Server, folder: string, seconds: number): Promise<void> => {
  const before = await cpuOf(server)
  const began = performance.now()
  const child = fork(script('load'), [server.port, folder, seconds, CONCURRENCY].map(String))
  const [{ answered }] = (await once(child, 'message')) as [{ answered: number }]
  server.answered += answered
  server.seconds += (performance.now() - began) / 1_000
  server.cpu += (await cpuOf(server)) - before
}

const measure = async (keyType: 'EC' | 'RSA', folder: string) => {
  const authority = await makeAuthority('CN=Bench', keyType)
  const [server, client] = [
    await authority.issueServer({ keyType }),
    await authority.issueClient({ keyType }),
  ]
  const files = { 'server.pem': server.cert, 'server.key': server.key, 'ca.pem': authority.cert }
  for (const [name, text] of Object.entries({
    ...files,
    'client.pem': client.cert,
    'client.key': client.key,
  })) {
    await writeFile(join(folder, name), text, { mode: 0o600 })
  }
  const servers = { bare: await startServer('bare', folder), ours: await startServer('ours', folder) }
  for (const role of ROLES) {
    // The first second is the compiler's.
    await loadServer(servers[role], folder, 1)
    Object.assign(servers[role], { answered: 0, cpu: 0, seconds: 0 })
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const role of ROLES) await loadServer(servers[role], folder, Number(values.seconds))
  }
  const result = (role: Role) => {
    const { answered, cpu, seconds, child } = servers[role]
    child.disconnect()
    return { rate: Math.round(answered / seconds), cpuMs: Math.round(cpu / answered) / 1_000 }
  }
  const [bare, ours] = [result('bare'), result('ours')]
  return { keyType, bare, ours, ofBare: Math.round((100 * bare.cpuMs) / ours.cpuMs) / 100 }
}

const folder = await mkdtemp(join(tmpdir(), 'cofre-bench-tls-'))
try {
  const results = []
  for (const keyType of CERTIFICATES) results.push(await measure(keyType, folder))
  const machine = `${cpus().length} x ${cpus()[0]?.model}`
  if (values.json) console.log(JSON.stringify({ machine, node: process.version, results }))
  else {
    console.log(`${machine}, Node.js ${process.version}; a new mTLS connection for each request`)
    for (const { keyType, bare, ours, ofBare } of results) {
      console.log(
        `${keyType.padEnd(3)}  bare node:https ${bare.cpuMs} ms CPU, ${bare.rate}/s   this service ${ours.cpuMs} ms CPU, ${ours.rate}/s   ${ofBare} of bare`,
      )
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
