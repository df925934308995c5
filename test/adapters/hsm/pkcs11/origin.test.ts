import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { RootKeys } from '../../../../src/adapters/hsm/pkcs11/child/root-keys.ts'
import { missingSoftHsm, softHsmToken } from '../../../support/softhsm.ts'
import { type Bench, openBench, plantGenerated, plantImported } from './plant.ts'

const missing = missingSoftHsm()

let lastLabel = 0
const newLabel = (): string => `origin${++lastLabel}`.padEnd(32, 'x')

suite('where a root key in a token came from', { skip: missing }, async () => {
  const bench = missing === undefined ? openBench(await softHsmToken({ after })) : ({} as Bench)
  const { cryptoki, session, token } = bench
  const rootKeys = new RootKeys(token ?? ({} as Bench['token']))
  const ck = cryptoki?.ck

  const flawOf = (label: string, id: Buffer): string | undefined => rootKeys.originFlaw(session, label, id)

  test('shows in one that was made here', async () => {
    const label = newLabel()
    const { spki } = await rootKeys.create(session, label, ck.CKM_RSA_PKCS_OAEP)
    assert.equal(flawOf(label, createHash('sha256').update(spki).digest()), undefined)
  })

  test('shows in one that was made in the token as the service makes it', () => {
    const label = newLabel()
    assert.equal(flawOf(label, plantGenerated(bench, label).id), undefined)
  })

  for (const [name, value, flaw] of [
    ['CKA_EXTRACTABLE', true, /can be exported/],
    ['CKA_SENSITIVE', false, /can be read/],
    ['CKA_DECRYPT', false, /does not decrypt/],
    ['CKA_SIGN', true, /signs \(CKA_SIGN\)/],
    ['CKA_SIGN_RECOVER', true, /signs \(CKA_SIGN_RECOVER\)/],
    ['CKA_UNWRAP', true, /unwraps keys/],
  ] as const) {
    test(`is doubted where ${name} is ${value}`, () => {
      const label = newLabel()
      const { id } = plantGenerated(bench, label, [{ type: ck[name], value }])
      assert.match(flawOf(label, id) ?? '', flaw)
    })
  }

  test('is doubted of one that was imported, though it can’t be exported now', () => {
    const label = newLabel()
    assert.match(flawOf(label, plantImported(bench, label).id) ?? '', /not made in the token \(CKA_LOCAL\)/)
  })

  test('is doubted of one that is not there', () => {
    assert.match(flawOf(newLabel(), Buffer.alloc(32)) ?? '', /does not have it/)
  })
})
