import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openDinamoSession } from '../../../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import { SecretBytes } from '../../../../../src/domain/secret-bytes.ts'
import { isRootKeyShape } from '../../../../../src/domain/wrapping.ts'
import { simulatorFor } from '../../../../support/simulator.ts'
import {
  assertFails,
  credentialsOf,
  eventually,
  failsWith,
  openFor,
  optionsFor,
  ROOT,
  rootKeyFor,
  secretOf,
  sessionFor,
  wrapped,
} from './support.ts'

const TIMEOUT = { timeout: 60_000 }

suite('a guarded session', TIMEOUT, () => {
  test('makes a root key once, and gives its public half', async (t) => {
    const { session } = await sessionFor(t)
    assert.equal(await session.exportPublicKey(ROOT), undefined)
    assert.equal(await session.createRootKey(ROOT), 'created')
    const publicKey = await session.exportPublicKey(ROOT)
    assert.ok(publicKey !== undefined && isRootKeyShape(publicKey))
    assert.equal(await session.createRootKey(ROOT), 'exists')
    assert.ok((await session.exportPublicKey(ROOT))?.equals(publicKey))
    assert.ok(session.usable)
  })

  test('makes data keys of 32 bytes that differ', async (t) => {
    const { session, simulator } = await sessionFor(t)
    using one = await session.makeDataKey('one')
    using other = await session.makeDataKey('other')
    assert.equal(one.length, 32)
    assert.equal(other.length, 32)
    assert.ok(!one.equals(other))
    assert.equal(simulator.stats.operations['key.create'], 2)
    assert.equal(simulator.stats.operations['key.export'], 2)
  })

  test('unwraps what was wrapped with the public half', async (t) => {
    const { session, publicKey } = await rootKeyFor(t)
    for (const byte of [1, 2, 3]) {
      using value = secretOf(byte)
      const answer = await session.unwrap(ROOT, wrapped(publicKey, value))
      assert.ok(answer.kind === 'opened')
      using opened = answer.bytes
      assert.ok(opened.equals(value))
    }
  })

  test('takes a block that does not open for an answer, and goes on', async (t) => {
    const { session, publicKey, simulator } = await rootKeyFor(t)
    assert.deepEqual(await session.unwrap(ROOT, Buffer.alloc(256, 1)), { kind: 'refused', code: 5021 })
    assert.deepEqual(await session.unwrap('nowhere', Buffer.alloc(256)), { kind: 'no-such-object' })
    for (const length of [0, 1, 31, 33, 190]) {
      using short = secretOf(9, length)
      const answer = await session.unwrap(ROOT, wrapped(publicKey, short))
      assert.ok(answer.kind === 'opened')
      using opened = answer.bytes
      assert.ok(opened.equals(short))
    }
    assert.ok(session.usable)
    assert.equal(simulator.stats.connections, 1)
  })

  test('takes every error code but those of the device’s own faults for an answer', async (t) => {
    const { session, faults, block, value } = await rootKeyFor(t)
    for (const code of [5008, 5009, 5021, 5022, 5109, 4_711, 0x7fffffff]) {
      faults.next('dataUnenvelop', { kind: 'error', code }, 2)
      assert.deepEqual(await session.unwrap(ROOT, block), { kind: 'refused', code })
    }
    const answer = await session.unwrap(ROOT, block)
    assert.ok(answer.kind === 'opened')
    using opened = answer.bytes
    assert.ok(opened.equals(value))
  })

  test('does not believe that a good block is bad, where the second answer differs', async (t) => {
    const { session, faults, block } = await rootKeyFor(t)
    faults.next('dataUnenvelop', { kind: 'error', code: 5021 })
    await assertFails(session, session.unwrap(ROOT, block), 'protocol')
  })

  test('does not believe that a good block is bad, where two bad answers differ', async (t) => {
    const { session, faults, block } = await rootKeyFor(t)
    faults.next('dataUnenvelop', { kind: 'error', code: 5021 })
    faults.next('dataUnenvelop', { kind: 'error', code: 5009 })
    await assertFails(session, session.unwrap(ROOT, block), 'protocol')
  })

  test('does not end with a device that answers a bad block with other bytes each time', async (t) => {
    const { session, faults, block } = await rootKeyFor(t)
    faults.next('dataUnenvelop', { kind: 'error', code: 5021 })
    faults.next('dataUnenvelop', { kind: 'late', ms: 0 })
    faults.next('dataUnenvelop', { kind: 'wrong-key' })
    const answer = await session.unwrap(ROOT, block)
    assert.equal(answer.kind, 'opened')
    assert.ok(session.usable)
  })

  for (const code of [5001, 5002, 5006, 5019, 5020, 5023]) {
    test(`ends with a fault of the device’s own in reply to an unwrapping: ${code}`, async (t) => {
      const { session, faults, block } = await rootKeyFor(t)
      faults.next('dataUnenvelop', { kind: 'error', code })
      await assertFails(session, session.unwrap(ROOT, block), 'device', code)
    })
  }

  test('ends with any error reply to what is no caller’s', async (t) => {
    const { simulator, faults, session } = await rootKeyFor(t)
    faults.next('key.create', { kind: 'error', code: 5006 })
    await assertFails(session, session.makeDataKey('a'), 'device', 5006)
    const second = await openFor(t, simulator)
    faults.next('key.export', { kind: 'error', code: 5002 })
    await assertFails(second, second.makeDataKey('a'), 'device', 5002)
    const third = await openFor(t, simulator)
    faults.next('key.exportPublic', { kind: 'error', code: 5002 })
    await assertFails(third, third.exportPublicKey(ROOT), 'device', 5002)
  })

  test('makes a root key exportable only if it is told to', async (t) => {
    const simulator = await simulatorFor(t, { exportPublicHalfOnlyIfExportable: true })
    const closed = await openFor(t, simulator)
    await closed.createRootKey('closed')
    await assertFails(closed, closed.exportPublicKey('closed'), 'device', 5002)
    const open = await openFor(t, simulator, { rootKeyExportable: true })
    await open.createRootKey('open')
    assert.ok(await open.exportPublicKey('open'))
  })

  test('tells a root key that stays from one that can be exported, and goes on', async (t) => {
    const { session, simulator, faults } = await sessionFor(t)
    await session.createRootKey(ROOT)
    assert.deepEqual(await session.tryPrivateKey(ROOT), { kind: 'stays' })
    assert.deepEqual(await session.tryPrivateKey('nowhere'), { kind: 'no-such-object' })
    faults.next('key.export', { kind: 'error', code: 5099 })
    assert.deepEqual(await session.tryPrivateKey(ROOT), { kind: 'unclear', code: 5099 })
    const open = await openFor(t, simulator, { rootKeyExportable: true })
    await open.createRootKey('open')
    assert.deepEqual(await open.tryPrivateKey('open'), { kind: 'may-leave' })
    assert.deepEqual(await session.tryPrivateKey('open'), { kind: 'leaves' })
    assert.ok(session.usable)
    faults.next('key.export', { kind: 'error', code: 5006 })
    await assertFails(session, session.tryPrivateKey(ROOT), 'device', 5006)
  })

  test('carries out one operation at a time, and refuses a second one without harm to the first', async (t) => {
    const { session } = await sessionFor(t)
    const first = session.makeDataKey('first')
    await assert.rejects(session.makeDataKey('second'), TypeError)
    using key = await first
    assert.equal(key.length, 32)
    assert.ok(session.usable)
  })

  test('says goodbye, and is not usable afterwards', async (t) => {
    const { session, simulator } = await sessionFor(t)
    await session.close()
    assert.equal(session.usable, false)
    await eventually('the session has ended', () => simulator.sessions === 0)
    assert.equal(simulator.stats.operations.close, 1)
    await session.close()
    await assert.rejects(session.makeDataKey('after'), failsWith('closed'))
  })

  test('fails what is under way when it is destroyed or closed', async (t) => {
    const { session, faults, simulator } = await sessionFor(t)
    faults.always('key.create', { kind: 'silent' })
    const operation = assert.rejects(session.makeDataKey('a'), failsWith('closed'))
    session.destroy()
    await operation
    const second = await openFor(t, simulator)
    const other = assert.rejects(second.makeDataKey('a'), failsWith('closed'))
    await second.close()
    await other
  })

  test('takes 16 printable characters for user and password', async (t) => {
    const user = { username: 'abcdefgh-ijkl.~x', password: ' !"#$%&0123456~x' }
    const simulator = await simulatorFor(t, { users: [user] })
    const session = await openFor(t, simulator, { credentials: credentialsOf(user) })
    assert.ok(session.usable)
  })

  test('refuses names, blocks and credentials that are not valid, and sends nothing', async (t) => {
    const { session, simulator } = await sessionFor(t)
    const before = simulator.stats.applicationBytes
    for (const name of ['', 'a'.repeat(33), 'kms/a', 'a b', 'chavé', 'a\0b']) {
      await assert.rejects(session.createRootKey(name), TypeError)
      await assert.rejects(session.exportPublicKey(name), TypeError)
      await assert.rejects(session.makeDataKey(name), TypeError)
      await assert.rejects(session.unwrap(name, Buffer.alloc(256)), TypeError)
    }
    for (const length of [0, 255, 257])
      await assert.rejects(session.unwrap(ROOT, Buffer.alloc(length)), TypeError)
    assert.equal(simulator.stats.applicationBytes, before)
    assert.ok(session.usable)
  })

  test('leaves no connection where the password is disposed of during the opening', async (t) => {
    const simulator = await simulatorFor(t)
    const password = SecretBytes.fromUtf8('test-password')
    const options = optionsFor(simulator.certificateSha256, {
      credentials: () => ({ username: 'kms', password }),
    })
    const opening = openDinamoSession(simulator, options)
    password[Symbol.dispose]()
    await assert.rejects(opening, failsWith('closed'))
    await eventually('the connection is gone', () => simulator.stats.recent.every(({ open }) => !open))
    assert.equal(simulator.stats.connections, 1)
    assert.equal(simulator.stats.applicationBytes, 0)
  })

  test('reads the credentials anew at every opening', async (t) => {
    const simulator = await simulatorFor(t)
    let asked = 0
    const credentials = credentialsOf({ username: 'kms', password: 'test-password' })
    const options = optionsFor(simulator.certificateSha256, {
      credentials: () => {
        asked++
        return credentials()
      },
    })
    for (const _ of [1, 2]) (await openDinamoSession(simulator, options)).destroy()
    assert.equal(asked, 2)
  })
})
