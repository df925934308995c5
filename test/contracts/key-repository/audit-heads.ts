import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditHead } from '../../../src/ports/key-repository.port.ts'
import { numbered, type OpenStore } from './samples.ts'

const headOf = (sequence: number, changes: Partial<AuditHead> = {}): AuditHead => ({
  instance: 'cofre-1',
  sequence,
  hash: sequence.toString(16).padStart(64, '0'),
  savedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, 0, sequence % 1000)),
  ...changes,
})

export const auditHeadTests = (open: OpenStore): void => {
  test('keeps one head for each instance, ordered by instance', async (t) => {
    const store = await open(t)
    assert.deepEqual(await store.listAuditHeads(), [])
    for (const instance of ['b', 'B', '_', '-', '0', 'a'.repeat(64)]) {
      await store.saveAuditHead(headOf(1, { instance }))
      await store.saveAuditHead(headOf(2, { instance }))
    }
    assert.deepEqual(
      await store.listAuditHeads(),
      ['-', '0', 'B', '_', 'a'.repeat(64), 'b'].map((instance) => headOf(2, { instance })),
    )
  })

  test('never goes back', async (t) => {
    const store = await open(t)
    await store.saveAuditHead(headOf(10))
    await store.saveAuditHead(headOf(9))
    assert.deepEqual(await store.listAuditHeads(), [headOf(10)])
    await store.saveAuditHead(headOf(10, { savedAt: new Date('2027-01-01T00:00:00.000Z') }))
    await store.saveAuditHead(headOf(11))
    await store.saveAuditHead(headOf(1))
    assert.deepEqual(await store.listAuditHeads(), [headOf(11)])
  })

  test('ends at the highest of racing heads', async (t) => {
    const store = await open(t)
    const sequences = numbered(20).map((at) => ((at * 7) % 20) + 1)
    await Promise.all(sequences.map((sequence) => store.saveAuditHead(headOf(sequence))))
    assert.deepEqual(await store.listAuditHeads(), [headOf(20)])
  })

  test('keeps sequences exactly that need more than 32 bits', async (t) => {
    const store = await open(t)
    const big = 2 ** 40 + 1
    await store.saveAuditHead(headOf(big))
    await store.saveAuditHead(headOf(big - 1))
    assert.deepEqual(await store.listAuditHeads(), [headOf(big)])
  })
}
