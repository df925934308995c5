import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Hit, type Needle, needlesOfText, searchMemory } from '../support/process-memory.ts'
import { auditSettings } from '../support/service-process.ts'
import { USER } from '../support/simulator.ts'
import { storeBody } from './support/cases.ts'
import { type MemoryBench, openMemoryBench } from './support/memory-bench.ts'
import { reasonToSkip } from './support/reason-to-skip.ts'
import { secretText } from './support/secrets.ts'

const SETTLE_MS = 1_000
const ENVIRONMENT = '[stack]'

/** With an audit key of its own, whose PEM and raw bytes are looked for beside the password of the HSM. */
const open = async (t: TestContext, from: 'environment' | 'files') => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-remains-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { AUDIT_KEY } = auditSettings(folder)
  const [password, key] = [join(folder, 'password'), join(folder, 'audit.pem')]
  const mode = { mode: 0o600 }
  await Promise.all([writeFile(password, USER.password, mode), writeFile(key, AUDIT_KEY, mode)])
  const settings: Record<string, string> =
    from === 'files' ? { DINAMO_PASSWORD_FILE: password, AUDIT_KEY_FILE: key } : { AUDIT_KEY }
  const bench = await openMemoryBench(t, { format: 'a256gcm', settings })
  const der = createPrivateKey(AUDIT_KEY).export({ type: 'pkcs8', format: 'der' })
  const needles: readonly Needle[] = [
    { name: 'the password', bytes: Buffer.from(USER.password) },
    { name: 'the PEM of the audit key', bytes: Buffer.from(AUDIT_KEY.split('\n')[1]?.slice(-24) ?? '') },
    { name: 'the audit key', bytes: der.subarray(-16) },
  ]
  return { bench, needles }
}

const countOf = (hits: readonly Hit[], name: string): number => hits.filter((hit) => hit.name === name).length

const state = (t: TestContext, hits: readonly Hit[]): void => {
  const counts = new Map<string, number>()
  for (const { name, region } of hits) {
    const place = `${name} in ${region || 'anonymous memory'}`
    counts.set(place, (counts.get(place) ?? 0) + 1)
  }
  for (const [place, count] of counts) t.diagnostic(`${place}: ${count}`)
}

const use = async ({ client }: MemoryBench): Promise<void> => {
  for (let round = 0; round < 20; round++) {
    await client.call({
      path: '/key',
      body: storeBody(`used-${round}-${randomBytes(4).toString('hex')}`, 'x'),
    })
  }
  await sleep(SETTLE_MS)
}

/** The numbers are those that were counted, and some more: garbage is collected when V8 likes. */
suite('what stays in the memory of the service is no more than the threat model says', {
  skip: reasonToSkip(),
}, () => {
  test('credentials from files: as long as it runs, and not in its environment', async (t) => {
    const { bench, needles } = await open(t, 'files')
    await use(bench)
    const hits = searchMemory(bench.service.pid, needles)
    state(t, hits)
    assert.ok(countOf(hits, 'the password') <= 10)
    assert.ok(countOf(hits, 'the PEM of the audit key') <= 5)
    assert.ok(countOf(hits, 'the audit key') <= 4)
    assert.deepEqual(
      hits.filter(({ region }) => region === ENVIRONMENT),
      [],
    )
  })

  test('credentials from the environment: there, too', async (t) => {
    const { bench, needles } = await open(t, 'environment')
    await use(bench)
    const hits = searchMemory(bench.service.pid, needles)
    state(t, hits)
    assert.ok(countOf(hits, 'the password') <= 16)
    assert.ok(countOf(hits, 'the PEM of the audit key') <= 12)
    assert.ok(countOf(hits, 'the audit key') <= 4)
    assert.equal(hits.filter(({ region }) => region === ENVIRONMENT).length, 2)
  })

  test('a secret in a header or in a path, where none belongs', async (t) => {
    const { bench } = await open(t, 'files')
    const [header, path] = [secretText(100), secretText(100)]
    await bench.client.call({ path: '/key', body: storeBody('public', 'x'), headers: { 'x-secret': header } })
    await bench.client.call({ method: 'GET', path: `/key/${path}?source=user` })
    await sleep(SETTLE_MS)
    const hits = searchMemory(bench.service.pid, [
      ...needlesOfText('a header', header),
      ...needlesOfText('a path', path),
    ])
    const inHeader = hits.filter(({ name }) => name.startsWith('a header'))
    t.diagnostic(`a header: ${inHeader.length} pieces, a path: ${hits.length - inHeader.length}`)
    assert.ok(hits.length > 0, 'nothing stays: then the threat model may promise that')
  })
})
