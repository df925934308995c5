import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { HostGroup } from '../../../../src/adapters/hsm/sessions/host-group.ts'
import { classifyFake, FakeDevice, FakeError, type FakeSession, settled, silentLog } from './support.ts'

interface Point {
  readonly attributes: Record<string, unknown>
  readonly value: unknown
}

const setUp = (device: FakeDevice) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  const group = new HostGroup<FakeSession>({
    provider: 'fake',
    hosts: [device.name],
    account: 'somebody',
    open: device.openSession,
    classify: classifyFake,
    admit: async () => undefined,
    deadlineMs: 500,
    limits: { maxSessions: 1 },
    logger: silentLog,
    meter: provider.getMeter('test'),
  })
  /** What is new since the last time, by the metric's name. */
  const collect = async (): Promise<ReadonlyMap<string, readonly Point[]>> => {
    exporter.reset()
    await reader.forceFlush()
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    return new Map(
      metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints as readonly Point[]]),
    )
  }
  return { provider, group, collect }
}

const HOST = { provider: 'fake', host: 'a:1' }

test('sessions, queue, waits, breaker and operations are measured, by provider, host, operation and outcome', async (t) => {
  const device = new FakeDevice()
  const { provider, group, collect } = setUp(device)
  t.after(() => provider.shutdown())
  const { promise, resolve } = Promise.withResolvers<void>()
  const working = [group.run('unwrap', () => promise), group.run('unwrap', () => promise)]
  await settled()
  const during = await collect()
  assert.deepEqual(
    during.get('cofre.hsm.sessions')?.map(({ attributes, value }) => [attributes, value]),
    [
      [{ ...HOST, state: 'in_use' }, 1],
      [{ ...HOST, state: 'idle' }, 0],
    ],
  )
  assert.deepEqual(
    during.get('cofre.hsm.queue.length')?.map(({ value }) => value),
    [1],
  )
  assert.deepEqual(
    during.get('cofre.hsm.breaker.state')?.map(({ attributes, value }) => [attributes, value]),
    [[HOST, 0]],
  )
  resolve()
  await Promise.all(working)
  await assert.rejects(group.run('unwrap', () => Promise.reject(new FakeError('answer'))))
  await assert.rejects(group.run('generate_data_key', () => Promise.reject(new FakeError('session'))))

  const after = await collect()
  assert.deepEqual(
    after.get('cofre.hsm.sessions')?.map(({ value }) => value),
    [0, 0],
  )
  assert.deepEqual(
    after.get('cofre.hsm.breaker.state')?.map(({ value }) => value),
    [2],
  )
  const counts = new Map(
    after
      .get('cofre.hsm.operation.duration')
      ?.map(({ attributes, value }) => [
        [attributes.operation, attributes.outcome].join(' '),
        (value as { count: number }).count,
      ]),
  )
  assert.equal(counts.get('unwrap ok'), 2)
  assert.equal(counts.get('unwrap answer'), 1)
  assert.equal(counts.get('open_session ok'), 2)
  assert.equal(counts.get('generate_data_key session'), 3)
  const waits = after.get('cofre.hsm.queue.wait')?.map(({ value }) => (value as { count: number }).count)
  assert.deepEqual(waits, [5])
  for (const points of after.values()) {
    for (const { attributes } of points) {
      const allowed = ['provider', 'host', 'operation', 'outcome', 'state']
      assert.deepEqual(
        Object.keys(attributes).filter((name) => !allowed.includes(name)),
        [],
      )
    }
  }

  await group.close()
  const closed = await collect()
  assert.equal(closed.get('cofre.hsm.sessions')?.length ?? 0, 0)
})
