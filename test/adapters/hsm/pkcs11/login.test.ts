import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { faultyToken, missingFaultyLibrary } from '../../../support/softhsm.ts'
import { isUnavailable, openPkcs11 } from './support.ts'

const missing = missingFaultyLibrary()

const CALLERS = 16
const REFUSALS = { CKR_PIN_INCORRECT: 0xa0, CKR_PIN_LOCKED: 0xa4 }

suite('a token that refuses the PIN', { skip: missing }, () => {
  test('is asked once, however many need it, and never again', async (t) => {
    const token = await faultyToken(t)
    const { hsm, token: opened, lines } = await openPkcs11(t, token, { pin: '1357', deadlineMs: 6_000 })
    const outcomes = await Promise.allSettled(Array.from({ length: CALLERS }, () => hsm.generateDataKey()))
    for (const outcome of outcomes) {
      assert.equal(outcome.status, 'rejected')
      isUnavailable(outcome.reason)
    }
    for (let probe = 0; probe < 3; probe++) await assert.rejects(opened.openSession(), /CKR_PIN_INCORRECT/)
    assert.equal(await token.logins(), 1)
    assert.equal(hsm.available, false)
    const [line] = lines.filter(({ level }) => level === 'error')
    assert.match(String(line?.fields.problem), /PKCS11_PIN .*CKR_PIN_INCORRECT.*not sent again/)
    assert.ok(!JSON.stringify(lines).includes('1357'))
  })

  for (const [name, code] of Object.entries(REFUSALS)) {
    test(`after it accepted it before: ${name} is final, too`, async (t) => {
      const token = await faultyToken(t)
      const { hsm, token: opened } = await openPkcs11(t, token, { deadlineMs: 6_000 })
      ;(await hsm.generateDataKey())[Symbol.dispose]()
      await token.fail('C_Login', code)
      await token.fail('C_GenerateKey', 0x30)
      await assert.rejects(hsm.generateDataKey(), isUnavailable)
      await assert.rejects(opened.openSession(), new RegExp(name))
      assert.equal(await token.logins(), 2)
    })
  }

  test('is not asked at all where the next wrong one would lock it', async (t) => {
    const token = await faultyToken(t)
    await token.warnOfFinalTry()
    const { hsm, lines } = await openPkcs11(t, token, { deadlineMs: 6_000 })
    await assert.rejects(hsm.generateDataKey(), isUnavailable)
    assert.equal(await token.logins(), 0)
    assert.match(JSON.stringify(lines), /would lock the token/)
  })
})
