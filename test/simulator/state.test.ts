import assert from 'node:assert/strict'
import { createPublicKey, publicEncrypt, X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { hsm } from '@dinamonetworks/hsm-dinamo'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { ObjectStore, type StoredObject } from '../../src/simulator/object-store.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { openSimulatorState } from '../../src/simulator/state.ts'
import {
  createKeyBytes,
  errorReply,
  OK,
  RawClient,
  sdkLogin,
  simulatorFor,
  USER,
} from '../support/simulator.ts'

const { ALG_AES_256 } = hsm.enums.SYMMETRICAL_KEYS
const { ALG_RSA_2048 } = hsm.enums.RSA_ASYMMETRIC_KEYS
const TIMEOUT = { timeout: 20_000 }

const stateFolder = async (t: TestContext): Promise<{ folder: string; path: string }> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-simulator-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return { folder, path: join(folder, 'hsm.json') }
}

const aes = (): StoredObject => ({
  kind: 'aes',
  exportable: true,
  key: SecretBytes.fill(32, (bytes) => void bytes.fill(7)),
})

suite('the state file', TIMEOUT, () => {
  test('keeps the certificate and the permanent keys over a restart', async (t) => {
    const { path } = await stateFolder(t)
    const before = await startSimulator({ ...(await openSimulatorState(path)), users: [USER] })
    const first = await hsm.connect({
      host: before.host,
      port: before.port,
      authUsernamePassword: { ...USER },
    })
    await first.key.create('root', ALG_RSA_2048, false, false)
    await first.key.create('aes', ALG_AES_256, true, false)
    await first.key.create('temporary', ALG_AES_256, true, true)
    const aesKey = await first.key.exportSymmetric('aes')
    const publicDer = await first.key.exportAsymmetricPub('root', true)
    const key = createPublicKey({ key: publicDer, format: 'der', type: 'spki' })
    const block = publicEncrypt({ key, oaepHash: 'sha256' }, Buffer.from('kept'))
    await first.disconnect()
    await before.close()

    const after = await simulatorFor(t, await openSimulatorState(path))
    assert.equal(after.certificateSha256, before.certificateSha256)
    const second = await sdkLogin(t, after)
    assert.deepEqual(await second.key.exportAsymmetricPub('root', true), publicDer)
    assert.deepEqual(await second.cryptography.dataUnenvelop('root', block), Buffer.from('kept'))
    assert.deepEqual(await second.key.exportSymmetric('aes'), aesKey)
    await assert.rejects(second.key.exportAsymmetricPriv('root'), { errorCode: 5002 })
    await assert.rejects(second.key.exportSymmetric('temporary'), { errorCode: 5004 })
    await assert.rejects(second.key.create('root', ALG_RSA_2048, false, false), { errorCode: 5022 })
  })

  test('is readable by its owner alone and begins with a warning', async (t) => {
    const { path, folder } = await stateFolder(t)
    const { objects } = await openSimulatorState(path)
    const check = async (): Promise<void> => {
      if (process.platform !== 'win32') assert.equal((await stat(path)).mode & 0o777, 0o600)
      const text = await readFile(path, 'utf8')
      assert.match(text, /^\{\s*"warning": "[^"]*in clear[^"]*development only/)
      assert.equal(JSON.parse(text).version, 1)
      assert.deepEqual(await readdir(folder), ['hsm.json'])
    }
    await check()
    await objects.insert('kms/a', aes())
    await check()
  })

  test('that others could read is closed to them when it is opened', {
    skip: process.platform === 'win32',
  }, async (t) => {
    const { path } = await stateFolder(t)
    await openSimulatorState(path)
    const text = await readFile(path)
    await rm(path)
    await writeFile(path, text, { mode: 0o644 })
    await openSimulatorState(path)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  test('holds a permanent key before the client is told of it', async (t) => {
    const { path } = await stateFolder(t)
    const client = await RawClient.login(t, await simulatorFor(t, await openSimulatorState(path)))
    assert.deepEqual(await client.request(createKeyBytes('durable', 9, 1)), OK)
    const { objects } = await openSimulatorState(path)
    assert.equal(objects.find('kms/durable')?.kind, 'aes')
  })

  test('replaces what a write that was cut off left behind', async (t) => {
    const { path, folder } = await stateFolder(t)
    await writeFile(`${path}.tmp`, 'half a state', { mode: 0o644 })
    const { objects } = await openSimulatorState(path)
    await objects.insert('kms/a', aes())
    assert.deepEqual(await readdir(folder), ['hsm.json'])
    if (process.platform !== 'win32') assert.equal((await stat(path)).mode & 0o777, 0o600)
  })

  test('is left as it is where it is not understood, and the error does not quote it', async (t) => {
    const { path } = await stateFolder(t)
    await openSimulatorState(path)
    const good = JSON.parse(await readFile(path, 'utf8'))
    const broken: unknown[] = [
      { ...good, version: 2 },
      { ...good, version: undefined },
      { ...good, objects: [{ name: 'kms/a', exportable: false, kind: 'rsa', pkcs8: 'c2VjcmV0' }] },
      { ...good, objects: [{ name: 'kms/a', kind: 'aes', key: 'c2VjcmV0' }] },
      [],
    ]
    for (const text of [...broken.map((value) => JSON.stringify(value)), 'c2VjcmV0, not JSON', '']) {
      await writeFile(path, text)
      await assert.rejects(openSimulatorState(path), (error: Error) => {
        assert.ok(error.message.includes(path))
        assert.ok(!error.message.includes('c2VjcmV0'))
        assert.equal(error.cause, undefined)
        return true
      })
      assert.equal(await readFile(path, 'utf8'), text)
    }
  })

  test('with the key of another certificate is refused', async (t) => {
    const one = await stateFolder(t)
    const other = await stateFolder(t)
    await openSimulatorState(one.path)
    await openSimulatorState(other.path)
    const state = JSON.parse(await readFile(one.path, 'utf8'))
    state.certificate.key = JSON.parse(await readFile(other.path, 'utf8')).certificate.key
    await writeFile(one.path, JSON.stringify(state))
    await assert.rejects(openSimulatorState(one.path), /certificate/)
  })

  test('that another process changed is not overwritten, and the client gets an error', async (t) => {
    const { path } = await stateFolder(t)
    const lines: string[] = []
    const stale = await openSimulatorState(path)
    const simulator = await simulatorFor(t, { ...stale, log: (line) => void lines.push(line) })
    const { objects } = await openSimulatorState(path)
    await objects.insert('kms/theirs', aes())
    const client = await RawClient.login(t, simulator)
    assert.deepEqual(await client.request(createKeyBytes('ours', 9, 1)), errorReply(5006))
    assert.ok(lines.some((line) => line.includes('changed by another process')))
    assert.equal((await openSimulatorState(path)).objects.find('kms/theirs')?.kind, 'aes')
    assert.equal(stale.objects.find('kms/ours'), undefined)
  })

  test('that can not be written loses no key and blocks no name', async (t) => {
    const { path } = await stateFolder(t)
    const { objects } = await openSimulatorState(path)
    // A folder stands in the place of the temporary file.
    await mkdir(`${path}.tmp`)
    const before = await readFile(path)
    await assert.rejects(objects.insert('kms/a', aes()))
    assert.deepEqual(await readFile(path), before)
    await rm(`${path}.tmp`, { recursive: true })
    assert.equal(await objects.insert('kms/a', aes()), 'inserted')
  })
})

suite('the object store', () => {
  test('shows an object once it is durable; its name is taken from the start', async () => {
    const writing = Promise.withResolvers<void>()
    const store = new ObjectStore([], () => writing.promise)
    const insertion = store.insert('kms/a', aes())
    assert.equal(store.find('kms/a'), undefined)
    assert.equal(store.has('kms/a'), true)
    assert.equal(await store.insert('kms/a', aes()), 'exists')
    writing.resolve()
    assert.equal(await insertion, 'inserted')
    assert.equal(store.find('kms/a')?.kind, 'aes')
  })

  test('writes one after the other, each with everything before it', async () => {
    const written: string[][] = []
    let running = 0
    const store = new ObjectStore([], async (objects) => {
      running += 1
      assert.equal(running, 1)
      await Promise.resolve()
      written.push(objects.map(([name]) => name))
      running -= 1
    })
    await Promise.all(['a', 'b', 'c'].map((name) => store.insert(name, aes())))
    assert.deepEqual(written, [['a'], ['a', 'b'], ['a', 'b', 'c']])
  })

  test('frees the name of what could not be written, and goes on', async () => {
    let fail = true
    const store = new ObjectStore([], () =>
      fail ? Promise.reject(new Error('disk full')) : Promise.resolve(),
    )
    await assert.rejects(store.insert('kms/a', aes()), /disk full/)
    assert.equal(store.has('kms/a'), false)
    fail = false
    assert.equal(await store.insert('kms/a', aes()), 'inserted')
  })
})

test('the certificate is for loopback and valid for years', async (t) => {
  const { path } = await stateFolder(t)
  const { certificate } = await openSimulatorState(path)
  const x509 = new X509Certificate(certificate.cert)
  assert.equal(x509.checkHost('localhost'), 'localhost')
  assert.equal(x509.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(x509.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.ok(Date.parse(x509.validTo) - Date.now() > 9 * 365 * 86_400_000)
})
