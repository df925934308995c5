import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf } from '../adapters/hsm/pkcs11/processes.ts'
import { type Hit, type Needle, needlesOfText, searchMemory } from '../support/process-memory.ts'
import { type MemoryCase, MIXED_TRAFFIC, OPERATIONS, REFUSALS, storeBody } from './support/cases.ts'
import { type MemoryBench, openMemoryBench, type Transport } from './support/memory-bench.ts'
import { reasonToSkip } from './support/reason-to-skip.ts'
import { secretText } from './support/secrets.ts'

const SETTLE_MS = 1_000

/** The service's process, and those that it started. */
const searchAll = (pid: number, needles: readonly Needle[]): readonly Hit[] =>
  [pid, ...childrenOf(pid)].flatMap((process) => searchMemory(process, needles))

const assertNoCopies = async (
  { service }: MemoryBench,
  after: string,
  needles: readonly Needle[],
): Promise<void> => {
  await sleep(SETTLE_MS)
  const hits = searchAll(service.pid, needles)
  assert.deepEqual(
    hits.map(({ name, region, address }) => `${name} in ${region || 'anonymous memory'} at ${address}`),
    [],
    `copies left after ${after}`,
  )
}

/** What is there must be found, or finding nothing would mean nothing. */
const findMarker = async (t: TestContext, { service, client }: MemoryBench): Promise<void> => {
  const marker = `marker-${secretText(80)}`
  await client.call({ path: '/key', body: storeBody(marker, 'x') })
  const found = searchAll(service.pid, needlesOfText('the marker', marker))
  t.diagnostic(`a public text that was just used stands in memory ${found.length} times`)
  assert.ok(found.length > 0, 'the search finds nothing at all')
}

const check = async (t: TestContext, transport: Transport, cases: readonly MemoryCase[]): Promise<void> => {
  const bench = await openMemoryBench(t, transport)
  await findMarker(t, bench)
  const all: Needle[] = []
  for (const { name, run } of cases) {
    await t.test(`after ${name}`, async () => {
      const needles = await run(bench)
      all.push(...needles)
      await assertNoCopies(bench, name, needles)
    })
  }
  await t.test('of anything, at the end', () => assertNoCopies(bench, 'everything', all))
  assert.deepEqual(
    bench.service.output.filter((line) => /keys stay in memory/.test(line)),
    [],
  )
}

suite('no copy of a secret is in the memory of the service', {
  skip: reasonToSkip(),
  concurrency: true,
}, () => {
  test('over plain HTTP, with sjcl envelopes', (t) =>
    check(t, { format: 'sjcl' }, [...OPERATIONS, ...REFUSALS, MIXED_TRAFFIC]))
  test('over TLS 1.3, with a256gcm envelopes', (t) =>
    check(t, { format: 'a256gcm', tls: 'TLSv1.3' }, [...OPERATIONS, ...REFUSALS, MIXED_TRAFFIC]))
  test('over plain HTTP, in two processes', (t) =>
    check(t, { format: 'a256gcm', settings: { WORKERS: '2' } }, [...OPERATIONS, MIXED_TRAFFIC]))
  test('over TLS 1.2, with sjcl envelopes', (t) =>
    check(t, { format: 'sjcl', tls: 'TLSv1.2' }, [...OPERATIONS, MIXED_TRAFFIC]))
})
