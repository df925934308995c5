import { suite } from 'node:test'
import { auditHeadTests } from './key-repository/audit-heads.ts'
import { claimTests } from './key-repository/claims.ts'
import { lifetimeTests } from './key-repository/lifetime.ts'
import { listingTests } from './key-repository/listing.ts'
import { privateKeyTests } from './key-repository/private-keys.ts'
import type { OpenStore } from './key-repository/samples.ts'
import { storeRecordTests } from './key-repository/store-record.ts'
import { wrappingTests } from './key-repository/wrappings.ts'

/**
 * What every adapter of KeyRepositoryPort and AuditHeadRepository must do; relies on nothing but the ports and
 * the domain.
 *
 * @param open a fresh, empty store for one test, which also registers on the test's context how to close it and
 *   take it away (`t.after`)
 */
export const keyRepositoryContract = (name: string, open: OpenStore): void => {
  suite(`key repository contract: ${name}`, () => {
    suite('private keys', () => privateKeyTests(open))
    suite('listing', () => listingTests(open))
    suite('wrappings', () => wrappingTests(open))
    suite('root keys', () => claimTests(open))
    suite('store record', () => storeRecordTests(open))
    suite('audit heads', () => auditHeadTests(open))
    suite('lifetime', () => lifetimeTests(open))
  })
}
