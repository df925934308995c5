import type { AuditEntry, AuditLogPort, AuditOutcome } from '../ports/audit-log.port.ts'
import type { OperationName } from './caller.ts'
import { KmsError } from './errors.ts'
import type { KeyOperations } from './operations.ts'
import { checkDescription, checkPrivateKey, type KeyIdentity, wellFormedIdentity } from './private-key.ts'
import type { RequestContext } from './request-context.ts'

/** Part of an entry that is known before the operation began. */
type Known = Pick<AuditEntry, 'operation' | 'identity'>
/** Part of an entry that is known only after it succeeded. */
type Result = Pick<AuditEntry, 'rootKeyId' | 'envelopeSha256' | 'tokenSha256'>

/** The refusals that come before the policy is asked. */
const UNDECIDED: readonly AuditOutcome[] = ['validation_failed', 'key_type_unsupported']

const outcomeOf = (error: unknown): AuditOutcome => (KmsError.is(error) ? error.code : 'internal_error')

const entryOf = (
  { requestId, address, client, caller }: RequestContext,
  known: Known,
  rest: Pick<AuditEntry, 'phase' | 'outcome' | 'allowed'> & Result,
): AuditEntry => ({
  requestId,
  address,
  ...(client === undefined ? {} : { client }),
  owner: caller.owner,
  ...known,
  ...rest,
})

/** A malformed identity is left out: whatever stands in it could be anything. */
const knownOf = (operation: OperationName, key: KeyIdentity): Known => {
  const identity = wellFormedIdentity(key)
  return identity === undefined ? { operation } : { operation, identity }
}

/** What the inner operation may still return after its record could not be written. */
const dispose = (result: object): void => {
  for (const value of Object.values(result)) (value as Partial<Disposable> | null)?.[Symbol.dispose]?.()
}

/**
 * Puts every operation on record, allowed or denied, success or failure, and gives nothing away without one:
 * the outcome is on disk before the key material is returned, and storing begins only when its intent is.
 *
 * A key that was stored although its outcome could not be recorded is answered with `audit_unavailable`: the row
 * stands, storing it again is `private_key_exists`, and the intent without outcome is what verifying lists.
 *
 * @throws KmsError `audit_unavailable` beside the errors of the operations; key material is disposed of by then
 */
export const auditedOperations = (operations: KeyOperations, audit: AuditLogPort): KeyOperations => {
  const recordFailure = async (request: RequestContext, known: Known, error: unknown): Promise<void> => {
    const outcome = outcomeOf(error)
    const decision = UNDECIDED.includes(outcome) ? {} : { allowed: outcome !== 'forbidden' }
    await audit.record(entryOf(request, known, { phase: 'outcome', ...decision, outcome }))
  }

  const audited = async <T extends { readonly rootKeyId: string }>(
    request: RequestContext,
    known: Known,
    run: () => Promise<T>,
  ): Promise<T> => {
    let result: T
    try {
      result = await run()
    } catch (error) {
      await recordFailure(request, known, error)
      throw error
    }
    try {
      const { rootKeyId } = result
      await audit.record(
        entryOf(request, known, { phase: 'outcome', allowed: true, outcome: 'ok', rootKeyId }),
      )
      return result
    } catch (error) {
      dispose(result)
      throw error
    }
  }

  return {
    async storePrivateKey(input, request) {
      const { pub, source, coin, type } = input
      const key = { tenant: request.caller.tenant, pub, source, coin, type }
      const known = knownOf('storePrivateKey', key)
      try {
        // So that an intent stands only for what is attempted. The operation checks again by itself.
        checkDescription(key)
        checkPrivateKey(input.prv)
        request.caller.authorize('storePrivateKey', key)
      } catch (error) {
        await recordFailure(request, known, error)
        throw error
      }
      await audit.record(entryOf(request, known, { phase: 'intent', allowed: true }))
      let stored: Awaited<ReturnType<KeyOperations['storePrivateKey']>>
      try {
        stored = await operations.storePrivateKey(input, request)
      } catch (error) {
        await recordFailure(request, known, error)
        throw error
      }
      const { rootKeyId, envelopeSha256, tokenSha256 } = stored
      const result = { rootKeyId, envelopeSha256, tokenSha256 }
      try {
        await audit.record(
          entryOf(request, known, { phase: 'outcome', allowed: true, outcome: 'ok', ...result }),
        )
      } catch (cause) {
        throw new KmsError('audit_unavailable', {
          message: 'The private key was stored, but the audit log could not record that.',
          subject: { tenant: key.tenant, pub, source, ...result },
          cause,
        })
      }
      return stored
    },

    getPrivateKey: (name, request) => {
      const identity = { tenant: request.caller.tenant, ...name }
      return audited(request, knownOf('getPrivateKey', identity), () =>
        operations.getPrivateKey(name, request),
      )
    },

    generateDataKey: (input, request) =>
      audited(request, { operation: 'generateDataKey' }, () => operations.generateDataKey(input, request)),

    decryptDataKey: (input, request) =>
      audited(request, { operation: 'decryptDataKey' }, () => operations.decryptDataKey(input, request)),
  }
}
