import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { promisify } from 'node:util'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { publicKeySha256, wrap } from '../../../../src/domain/wrapping.ts'
import type { HsmPort } from '../../../../src/ports/hsm.port.ts'
import { missingSoftHsm, type SoftHsmToken, softHsmToken } from '../../../support/softhsm.ts'
import { until } from './processes.ts'
import { isUnavailable, openPkcs11, ROOT_KEY_ID } from './support.ts'

const missing = missingSoftHsm()

/** A root key in use: its public half is kept, as the service keeps it. */
const rootKeyOf = async (hsm: HsmPort) => {
  const { publicKey } = await hsm.createRootKey({ id: ROOT_KEY_ID })
  const algorithm = 'rsa-oaep-sha1'
  return {
    publicKey,
    reference: { id: ROOT_KEY_ID, algorithm, publicKeySha256: publicKeySha256(publicKey) },
  } as const
}

type RootKeyInUse = Awaited<ReturnType<typeof rootKeyOf>>

const unwrap = async (hsm: HsmPort, { publicKey, reference }: RootKeyInUse): Promise<void> => {
  using secret = SecretBytes.copyOf(randomBytes(32))
  using opened = await hsm.unwrapDataKey(reference, wrap(publicKey, reference.algorithm, secret))
  assert.ok(opened.equals(secret))
}

const slotOf = async ({ environment, label }: SoftHsmToken): Promise<number> => {
  const { stdout } = await promisify(execFile)('softhsm2-util', ['--show-slots'], { env: environment })
  const [, slot] = /^Slot (\d+)$/m.exec(stdout) ?? []
  assert.ok(stdout.includes(label))
  return Number(slot)
}

suite('a token', { skip: missing }, () => {
  test('has its root keys after a restart', async (t) => {
    const token = await softHsmToken(t)
    const { hsm: before } = await openPkcs11(t, token)
    const rootKey = await rootKeyOf(before)
    await unwrap(before, rootKey)
    await before.close()
    const { hsm: after } = await openPkcs11(t, token)
    const found = await after.getPublicKey(rootKey.reference)
    assert.ok(found?.equals(rootKey.publicKey))
    await unwrap(after, rootKey)
  })

  test('is pulled out and put back: no restart is needed, and nothing is taken for an answer meanwhile', async (t) => {
    const token = await softHsmToken(t)
    const { hsm, lines } = await openPkcs11(t, token, { deadlineMs: 5_000 })
    const rootKey = await rootKeyOf(hsm)
    await unwrap(hsm, rootKey)
    await token.remove()
    await assert.rejects(unwrap(hsm, rootKey), isUnavailable)
    await assert.rejects(hsm.getPublicKey(rootKey.reference), isUnavailable)
    await until('the token is out of service', () => !hsm.available)
    assert.ok(lines.some(({ level, message }) => level === 'error' && message.includes('out of service')))
    await token.putBack()
    await until('the token is back in service', () =>
      unwrap(hsm, rootKey).then(
        () => true,
        () => false,
      ),
    )
    assert.equal(hsm.available, true)
  })

  test('is found by its slot', async (t) => {
    const token = await softHsmToken(t)
    const { hsm } = await openPkcs11(t, token, { choice: { slot: await slotOf(token) } })
    await unwrap(hsm, await rootKeyOf(hsm))
  })

  test('that is another one is not logged in at', async (t) => {
    const token = await softHsmToken(t)
    const { hsm, lines } = await openPkcs11(t, token, { choice: { label: 'another' }, deadlineMs: 3_000 })
    await assert.rejects(hsm.generateDataKey(), isUnavailable)
    assert.match(JSON.stringify(lines), /there is no token with the label another/)
  })

  test('without the root key makes no answer of a block', async (t) => {
    const token = await softHsmToken(t)
    const { hsm, lines } = await openPkcs11(t, token)
    const rootKey = await rootKeyOf(hsm)
    await hsm.destroyRootKey(rootKey.reference)
    await assert.rejects(unwrap(hsm, rootKey), isUnavailable)
    assert.match(JSON.stringify(lines), /the token has no such root key/)
  })
})
