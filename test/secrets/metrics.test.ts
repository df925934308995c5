import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { pino } from 'pino'
import { startService } from '../../src/service/start-service.ts'
import { storeBody } from '../memory/support/cases.ts'
import { clientOf } from '../memory/support/client.ts'
import { secretText } from '../memory/support/secrets.ts'
import { testConfiguration } from './support/configuration.ts'

/** All that a measurement may say about what it measured. */
const ATTRIBUTES = ['host', 'operation', 'outcome', 'provider', 'state']

test('measurements say nothing but what is on the list, and hold no secret', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  t.after(() => provider.shutdown())
  const { configuration, secrets } = await testConfiguration(t)
  const service = await startService(configuration, pino({ level: 'silent' }))
  t.after(() => service.stop())

  const client = clientOf(service.url)
  const prv = secretText(111)
  await client.call({ path: '/key', body: storeBody('measured', prv) })
  await client.call({ path: '/key', body: storeBody('measured', prv) })
  await client.call({ method: 'GET', path: '/key/measured?source=user' })
  const { body } = await client.call({ path: '/generateDataKey', body: { keyType: 'AES-256' } })
  const { plaintextKey = '', encryptedKey = '' } = body
  await client.call({ path: '/decryptDataKey', body: { encryptedKey } })
  await client.call({ path: '/decryptDataKey', body: { encryptedKey: `${encryptedKey.slice(0, -4)}AAAA` } })

  await reader.forceFlush()
  const exported = exporter.getMetrics()
  const points = exported
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .flatMap(({ dataPoints }): readonly { readonly attributes: object }[] => dataPoints)
  assert.ok(points.length > 5, 'nothing was measured')
  const names = new Set(points.flatMap(({ attributes }) => Object.keys(attributes)))
  assert.deepEqual([...names].sort(), ATTRIBUTES)
  const text = JSON.stringify(exported)
  for (const secret of [...secrets, prv, plaintextKey, encryptedKey, 'measured']) {
    assert.ok(!text.includes(secret))
  }
})
