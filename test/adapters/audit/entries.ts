import type { AuditEntry } from '../../../src/ports/audit-log.port.ts'

export const entryOf = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  requestId: 'request-1',
  address: '127.0.0.1',
  client: { fingerprint: 'ab'.repeat(32), subject: 'CN=wallet' },
  owner: 'wallet',
  operation: 'getPrivateKey',
  phase: 'outcome',
  allowed: true,
  outcome: 'ok',
  identity: { tenant: 'default', pub: 'xpub', source: 'user' },
  ...changes,
})
