import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { hsmContract } from 'cofre/contracts'
import { type HsmPort, type HsmProviderContext, KmsError } from 'cofre/ports'
import { provider } from './keystore-hsm.ts'

const folder = mkdtempSync(join(tmpdir(), 'keystore-'))
after(() => rmSync(folder, { recursive: true }))

const silent = () => undefined
const context: HsmProviderContext = {
  logger: { debug: silent, info: silent, warn: silent, error: silent },
  clock: () => new Date(),
  random: (bytes) => randomFillSync(bytes),
}

const open = async (t: TestContext, passphrase = 'correct horse battery'): Promise<HsmPort> => {
  const settings = { KEYSTORE_FILE: join(folder, 'keystore.db'), KEYSTORE_PASSPHRASE: passphrase }
  const hsm = await provider.create(settings, context)
  t.after(() => hsm.close())
  return hsm
}

hsmContract('keystore', open)

test('a root key is there after a restart, and needs its passphrase', async (t) => {
  const id = 'a'.repeat(32)
  const { publicKey } = await (await open(t)).createRootKey({ id })
  const again = await (await open(t)).createRootKey({ id })
  assert.equal(again.outcome, 'exists')
  assert.ok(again.publicKey.equals(publicKey))
  const stranger = await open(t, 'some other passphrase')
  await assert.rejects(stranger.createRootKey({ id }), (error) => KmsError.is(error, 'hsm_unavailable'))
})
