import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { OPERATIONS, type OperationName } from '../../src/domain/caller.ts'
import { compilePolicy, normalizeFingerprint, type PolicyClient } from '../../src/domain/policy.ts'
import { policyProblems } from '../../src/domain/policy-problems.ts'
import type { KeyDescription } from '../../src/domain/private-key.ts'

const A = 'aa'.repeat(32)
const B = 'bb'.repeat(32)
const KEY: KeyDescription = { tenant: 'default', pub: 'xpub', source: 'user', coin: 'tbtc', type: 'tss' }
const forbidden = (operation: OperationName) => ({
  name: 'KmsError',
  code: 'forbidden',
  message: `This client may not call ${operation}.`,
})

const clientOf = (changes: Partial<PolicyClient> = {}): PolicyClient => ({
  name: 'wallet',
  fingerprints: [A],
  operations: OPERATIONS,
  ...changes,
})
const certificate = (fingerprint: string, subject = 'CN=x', san: readonly string[] = []) => ({
  fingerprint,
  subject,
  san,
})

suite('a policy', () => {
  test('allows the operations that it lists, and no other', () => {
    for (const listed of OPERATIONS) {
      const caller = compilePolicy({ clients: [clientOf({ operations: [listed] })] }).callerFor(
        certificate(A),
      )
      for (const operation of OPERATIONS) {
        const ask = (): void => caller.authorize(operation)
        if (operation === listed) ask()
        else assert.throws(ask, forbidden(operation))
      }
    }
  })

  test('restricts storing and reading by source, coin and type, each by itself', () => {
    const others = { source: 'backup', coin: 'eth', type: 'independent' } as const
    const rules = { sources: ['user'], coins: ['tbtc'], types: ['tss'] } as const
    const parts = ['source', 'coin', 'type'] as const
    for (const part of parts) {
      const rule = `${part}s` as const
      const { callerFor } = compilePolicy({ clients: [clientOf({ [rule]: rules[rule] })] })
      const caller = callerFor(certificate(A))
      for (const operation of ['storePrivateKey', 'getPrivateKey'] as const) {
        caller.authorize(operation)
        caller.authorize(operation, KEY)
        assert.throws(
          () => caller.authorize(operation, { ...KEY, [part]: others[part] }),
          forbidden(operation),
        )
        for (const other of parts.filter((each) => each !== part)) {
          caller.authorize(operation, { ...KEY, [other]: others[other] })
        }
      }
      caller.authorize('generateDataKey')
      caller.authorize('decryptDataKey')
    }
  })

  test('knows a client by fingerprint in any spelling, by subject, and by SAN', () => {
    const spelled = `SHA256:${A.toUpperCase().match(/../g)?.join(':')}`
    const clients = [
      clientOf({ name: 'a', fingerprints: [spelled] }),
      { name: 'b', subjects: ['CN=b,O=Example'], operations: OPERATIONS },
      { name: 'c', sans: ['DNS:c.example', 'URI:spiffe://example/c'], operations: OPERATIONS },
    ]
    const { callerFor } = compilePolicy({ clients })
    assert.equal(callerFor(certificate(A)).owner, 'a')
    assert.equal(callerFor(certificate(B, 'CN=b,O=Example')).owner, 'b')
    assert.equal(callerFor(certificate(B, 'CN=z', ['DNS:z.example', 'DNS:c.example'])).owner, 'c')
    assert.equal(callerFor(certificate(B, 'CN=z', ['URI:spiffe://example/c'])).owner, 'c')
  })

  test('lets whoever it does not name, names twice, or can not see, do nothing', () => {
    const clients = [clientOf(), clientOf({ name: 'other', fingerprints: [B], subjects: ['CN=other'] })]
    const { callerFor } = compilePolicy({ clients })
    const strangers = [
      undefined,
      certificate('cc'.repeat(32)),
      certificate('cc'.repeat(32), 'CN=Other'),
      certificate('cc'.repeat(32), 'CN=other,O=x', ['CN=other', A]),
      certificate(A, 'CN=other'),
    ]
    for (const stranger of strangers) {
      const caller = callerFor(stranger)
      assert.deepEqual(caller.opensDataKeysOf, [])
      for (const operation of OPERATIONS) {
        assert.throws(() => caller.authorize(operation), forbidden(operation))
        assert.throws(() => caller.authorize(operation, KEY), forbidden(operation))
      }
    }
    assert.equal(callerFor(certificate(B, 'CN=other')).owner, 'other', 'twice the same client is one')
  })

  test('lets data keys be opened by their client and by those it shares with, not the other way round', () => {
    const clients = [
      clientOf({ name: 'a', sharesDataKeysWith: ['b', 'c'] }),
      clientOf({ name: 'b', fingerprints: [B], sharesDataKeysWith: ['c'] }),
      clientOf({ name: 'c', fingerprints: ['cc'.repeat(32)] }),
    ]
    const { callerNamed } = compilePolicy({ clients })
    const opens = (name: string) => callerNamed(name)?.opensDataKeysOf
    assert.deepEqual([opens('a'), opens('b'), opens('c')], [['a'], ['b', 'a'], ['c', 'a', 'b']])
    assert.equal(callerNamed('d'), undefined)
  })

  test('says whether it trusts names that certificates carry', () => {
    assert.equal(compilePolicy({ clients: [clientOf()] }).trustsNames, false)
    assert.equal(compilePolicy({ clients: [clientOf({ subjects: ['CN=a'] })] }).trustsNames, true)
    assert.equal(compilePolicy({ clients: [clientOf({ sans: ['DNS:a'] })] }).trustsNames, true)
  })
})

suite('the problems of a policy', () => {
  const problemsOf = (...clients: readonly PolicyClient[]) => policyProblems({ clients })
  const b = (changes: Partial<PolicyClient> = {}) => clientOf({ name: 'b', fingerprints: [B], ...changes })

  test('are none where there are none', () => assert.deepEqual(problemsOf(clientOf(), b()), []))

  test('are two clients that one certificate names, or one name for both', () => {
    const upper = `sha256:${A.toUpperCase()}`
    assert.match(problemsOf(clientOf(), b({ fingerprints: [upper] }))[0] ?? '', /wallet and b are both named/)
    assert.match(
      problemsOf(clientOf({ subjects: ['CN=x'] }), b({ subjects: ['CN=x'] }))[0] ?? '',
      /subject CN=x/,
    )
    assert.match(problemsOf(clientOf({ sans: ['DNS:x'] }), b({ sans: ['DNS:x'] }))[0] ?? '', /san DNS:x/)
    assert.deepEqual(problemsOf(clientOf({ subjects: ['DNS:x'] }), b({ sans: ['DNS:x'] })), [])
    assert.match(problemsOf(clientOf(), b({ name: 'wallet' }))[0] ?? '', /two clients are called wallet/)
  })

  test('are clients that nobody can be, fingerprints that are none, and sharing with nobody', () => {
    assert.match(problemsOf({ name: 'x', operations: OPERATIONS })[0] ?? '', /nobody can be it/)
    assert.match(problemsOf(clientOf({ fingerprints: ['abc'] }))[0] ?? '', /"abc" is not a SHA-256/)
    assert.match(problemsOf(clientOf({ sharesDataKeysWith: ['b'] }))[0] ?? '', /b, which is no client/)
    assert.match(problemsOf(clientOf({ sharesDataKeysWith: ['wallet'] }))[0] ?? '', /with itself/)
  })
})

test('fingerprints are read in their usual spellings', () => {
  assert.equal(normalizeFingerprint(`sha256:${A}`), A)
  assert.equal(normalizeFingerprint(A.toUpperCase()), A)
  for (const wrong of ['', A.slice(1), `${A}a`, `md5:${A}`, A.replace('a', 'g')]) {
    assert.equal(normalizeFingerprint(wrong), undefined)
  }
})
