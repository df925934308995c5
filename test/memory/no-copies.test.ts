import assert from 'node:assert/strict'
import { constants, createPrivateKey, privateDecrypt, randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, type TestContext, test } from 'node:test'
import { parseToken } from '../../src/domain/wrapped-data-key.ts'
import { openSimulatorState } from '../../src/simulator/state.ts'
import { type Needle, needlesOfKey, needlesOfText, searchMemory } from '../support/process-memory.ts'
import { auditSettings, type ServiceProcess, startServiceProcess } from '../support/service-process.ts'
import { simulatorFor, USER } from '../support/simulator.ts'

/** A child's memory can be read on Linux, where the kernel lets a parent trace it. */
const reasonToSkip = (): string | false => {
  if (process.platform !== 'linux') return 'the memory of a process can be read on Linux alone'
  try {
    closeSync(openSync('/proc/self/mem', 'r'))
    return false
  } catch {
    return 'this kernel does not let a process read memory: allow ptrace of children'
  }
}

const SETTLE_MS = 1_000

interface Bench {
  readonly service: ServiceProcess
  post(path: string, body: object): Promise<Record<string, string>>
  get(path: string): Promise<Record<string, string>>
  /** The data key of a stored row, found as whoever has the simulator's state file could. */
  dataKeyOf(pub: string): Promise<Buffer>
}

/** The simulator runs in the test's process, so that what a device holds is not taken for the service's. */
const open = async (t: TestContext, format: string): Promise<Bench> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-memory-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const statePath = join(folder, 'hsm.json')
  const simulator = await simulatorFor(t, await openSimulatorState(statePath))
  const database = join(folder, 'cofre.sqlite')
  const service = await startServiceProcess('serve', {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    DATABASE_URL: `sqlite:${database}`,
    HSM_PROVIDER: 'dinamo',
    DINAMO_HOST: `127.0.0.1:${simulator.port}`,
    DINAMO_USERNAME: USER.username,
    DINAMO_PASSWORD: USER.password,
    DINAMO_CERT_SHA256: simulator.certificateSha256,
    ENVELOPE_FORMAT: format,
    ...auditSettings(folder),
  })
  t.after(() => service.kill())
  const ask = async (path: string, init?: RequestInit): Promise<Record<string, string>> => {
    const answer = await fetch(service.url + path, init)
    assert.equal(answer.status, 200, path)
    return (await answer.json()) as Record<string, string>
  }
  return {
    service,
    get: (path) => ask(path),
    post: (path, body) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    async dataKeyOf(pub) {
      const rows = new DatabaseSync(database, { readOnly: true })
      const row = rows.prepare('SELECT encryptedDataKey FROM private_keys WHERE pub = ?').get(pub)
      rows.close()
      const token = parseToken(String(row?.encryptedDataKey)) ?? assert.fail('no token')
      const { objects } = JSON.parse(await readFile(statePath, 'utf8')) as {
        objects: { name: string; pkcs8: string }[]
      }
      const { pkcs8 = '' } = objects.find(({ name }) => name.endsWith(`/${token.rootKeyId}`)) ?? {}
      const key = createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), type: 'pkcs8', format: 'der' })
      const padding = constants.RSA_PKCS1_OAEP_PADDING
      return privateDecrypt({ key, padding, oaepHash: 'sha256' }, token.wrapped)
    },
  }
}

const secretText = (length: number): string => randomBytes(length).toString('base64url').slice(0, length)

const assertNoCopies = async (
  { service }: Bench,
  after: string,
  needles: readonly Needle[],
): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const hits = searchMemory(service.pid, needles)
  assert.deepEqual(
    hits.map(({ name, region, address }) => `${name} in ${region || 'anonymous memory'} at ${address}`),
    [],
    `copies left after ${after}`,
  )
}

const checkOperations = async (t: TestContext, format: string): Promise<void> => {
  const bench = await open(t, format)
  const { post, get } = bench
  const all: Needle[] = []

  // What is there must be found, or finding nothing would mean nothing.
  const marker = `marker-${secretText(40)}`
  await post('/key', { pub: marker, prv: 'x', source: 'user', coin: 'tbtc', type: 'tss' })
  await get(`/key/${marker}?source=user`)
  const found = searchMemory(bench.service.pid, needlesOfText('the marker', marker))
  t.diagnostic(`a public text that was just used stands in memory ${found.length} times`)
  assert.ok(found.length > 0, 'the search finds nothing at all')

  for (const length of [111, 895, 40_000]) {
    const prv = secretText(length)
    const pub = `pub-${length}`
    await post('/key', { pub, prv, source: 'user', coin: 'tbtc', type: 'tss', seed: prv })
    const needles = [
      ...needlesOfText(`a key of ${length} characters`, prv),
      ...needlesOfKey(`the data key of ${pub}`, await bench.dataKeyOf(pub)),
    ]
    await assertNoCopies(bench, `storing ${length} characters`, needles)
    assert.equal((await get(`/key/${pub}?source=user`)).prv, prv)
    await assertNoCopies(bench, `reading ${length} characters`, needles)
    all.push(...needles)
  }
  const { plaintextKey = '', encryptedKey } = await post('/generateDataKey', { keyType: 'AES-256' })
  const needles = needlesOfKey('a generated data key', Buffer.from(plaintextKey, 'base64'))
  await assertNoCopies(bench, 'generating a data key', needles)
  assert.equal((await post('/decryptDataKey', { encryptedKey })).plaintextKey, plaintextKey)
  await assertNoCopies(bench, 'opening a data key', [...needles, ...all])
}

suite('the memory of the service', { skip: reasonToSkip() }, () => {
  for (const format of ['sjcl', 'a256gcm']) {
    test(`holds no copy of a secret after each operation: ${format}`, (t) => checkOperations(t, format))
  }
})
