import assert from 'node:assert/strict'
import { constants, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { hsm } from '@dinamonetworks/hsm-dinamo'
import type { Simulator } from '../../src/simulator/simulator.ts'
import { memorySimulatorState } from '../../src/simulator/state.ts'
import type { Padding } from '../../src/simulator/unenvelop.ts'
import { sdkLogin, simulatorFor, USER } from '../support/simulator.ts'

const { ALG_AES_128, ALG_AES_256, ALG_3DES_168 } = hsm.enums.SYMMETRICAL_KEYS
const { ALG_RSA_2048, ALG_RSA_4096 } = hsm.enums.RSA_ASYMMETRIC_KEYS
const TIMEOUT = { timeout: 20_000 }

const refusedWith = (errorCode: number) => (error: unknown) => {
  assert.ok(error instanceof hsm.exceptions.HsmError)
  assert.equal(error.errorCode, errorCode)
  return true
}

/** Encoded messages that are not PKCS#1 v1.5, type 2; encrypted as they stand. */
const malformedType2 = (key: KeyObject): Buffer[] => {
  const filler = (length: number): Buffer => Buffer.alloc(length, 0xaa)
  const encoded = [
    [Buffer.from([0, 1]), filler(253), Buffer.from([0])],
    [Buffer.from([1, 2]), filler(253), Buffer.from([0])],
    [Buffer.from([0, 2]), filler(7), Buffer.from([0]), filler(246)],
    [Buffer.from([0, 2]), filler(254)],
  ]
  return encoded.map((parts) =>
    publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.concat(parts)),
  )
}

/** For OAEP anything else is bad; for PKCS#1 a random block has a small chance of being good. */
const badBlocks = (key: KeyObject, padding: Padding, data: Buffer): Buffer[] => [
  Buffer.alloc(256),
  Buffer.alloc(256, 0xff),
  ...(padding === 'pkcs1'
    ? malformedType2(key)
    : Object.keys(wrapWith)
        .filter((other) => other !== padding)
        .map((other) => wrapWith[other as Padding](key, data))),
]

const wrapWith: Record<Padding, (key: KeyObject, data: Buffer) => Buffer> = {
  'oaep-sha256': (key, data) => publicEncrypt({ key, oaepHash: 'sha256' }, data),
  'oaep-sha1': (key, data) => publicEncrypt({ key, oaepHash: 'sha1' }, data),
  pkcs1: (key, data) => publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data),
}

suite("the vendor's client against the simulator", TIMEOUT, () => {
  suite('login', () => {
    test('with the right password opens a session, and disconnecting ends it', async (t) => {
      const simulator = await simulatorFor(t)
      const connection = await hsm.connect({
        host: simulator.host,
        port: simulator.port,
        authUsernamePassword: { ...USER },
      })
      assert.equal(simulator.sessions, 1)
      await connection.disconnect()
      await simulator.close()
      assert.equal(simulator.sessions, 0)
      assert.equal(simulator.stats.logins, 1)
    })

    const refuse = async (t: TestContext, user: { username: string; password: string }, code: number) => {
      const simulator = await simulatorFor(t)
      await assert.rejects(sdkLogin(t, simulator, user), refusedWith(code))
      assert.equal(simulator.sessions, 0)
      assert.equal(simulator.stats.refusedLogins, 1)
    }

    test('with a wrong password is refused with 5002', (t) => refuse(t, { ...USER, password: 'wrong' }, 5002))
    test('as an unknown user is refused with 5020', (t) => refuse(t, { ...USER, username: 'other' }, 5020))

    test('takes 16-character names and passwords', async (t) => {
      const user = { username: 'abcdefghijklmnop', password: '0123456789abcdef' }
      const simulator = await simulatorFor(t, { users: [USER, user] })
      await sdkLogin(t, simulator, user)
      assert.equal(simulator.sessions, 1)
    })
  })

  suite('temporary keys', () => {
    test('are exported with the size of their algorithm, and differ', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t))
      await connection.key.create('a', ALG_AES_256, true, true)
      await connection.key.create('b', ALG_AES_256, true, true)
      await connection.key.create('c', ALG_AES_128, true, true)
      const [a, b] = [await connection.key.exportSymmetric('a'), await connection.key.exportSymmetric('b')]
      assert.equal(a.length, 32)
      assert.equal(b.length, 32)
      assert.notDeepEqual(a, b)
      assert.deepEqual(await connection.key.exportSymmetric('a'), a)
      assert.equal((await connection.key.exportSymmetric('c')).length, 16)
    })

    test('are seen by their own session alone and end with it', async (t) => {
      const simulator = await simulatorFor(t)
      const first = await sdkLogin(t, simulator)
      await first.key.create('mine', ALG_AES_256, true, true)
      const second = await sdkLogin(t, simulator)
      await assert.rejects(second.key.exportSymmetric('mine'), refusedWith(5004))
      await second.key.create('mine', ALG_AES_256, true, true)
      assert.notDeepEqual(await second.key.exportSymmetric('mine'), await first.key.exportSymmetric('mine'))
      await first.disconnect()
      const third = await sdkLogin(t, simulator)
      await assert.rejects(third.key.exportSymmetric('mine'), refusedWith(5004))
    })
  })

  suite('names', () => {
    test('with and without the own user are one object', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t))
      await connection.key.create('kms/one', ALG_AES_256, true, true)
      assert.equal((await connection.key.exportSymmetric('one')).length, 32)
      await assert.rejects(connection.key.create('one', ALG_AES_256, true, true), refusedWith(5022))
    })

    test('of another user are refused with 5002', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t))
      await assert.rejects(connection.key.create('other/one', ALG_AES_256, true, true), refusedWith(5002))
    })

    for (const [what, name] of [
      ['nothing', ''],
      ['33 characters', 'a'.repeat(33)],
      ['two slashes', 'kms/a/b'],
      ['a space', 'a b'],
      ['50 bytes without a NUL', 'a'.repeat(50)],
      ['a letter that is not ASCII', 'chavé'],
    ] as const) {
      test(`of ${what} are refused with 5023`, async (t) => {
        const connection = await sdkLogin(t, await simulatorFor(t))
        await assert.rejects(connection.key.create(name, ALG_AES_256, true, true), refusedWith(5023))
      })
    }

    test('may have 32 characters behind a user name', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t))
      assert.equal(await connection.key.create(`kms/${'a'.repeat(32)}`, ALG_AES_256, true, true), true)
    })

    test('that are taken are refused with 5022, temporary and permanent', async (t) => {
      const simulator = await simulatorFor(t)
      const connection = await sdkLogin(t, simulator)
      await connection.key.create('kept', ALG_AES_256, true, false)
      await connection.key.create('temp', ALG_AES_256, true, true)
      const kept = await connection.key.exportSymmetric('kept')
      for (const name of ['kept', 'temp']) {
        for (const temporary of [true, false]) {
          await assert.rejects(connection.key.create(name, ALG_AES_256, true, temporary), refusedWith(5022))
        }
      }
      const second = await sdkLogin(t, simulator)
      assert.deepEqual(await second.key.exportSymmetric('kept'), kept)
    })
  })

  suite('an RSA-2048 key', () => {
    test('that is not exportable gives its public half in both forms and keeps its private half', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t))
      await connection.key.create('root', ALG_RSA_2048, false, false)
      const pkcs1 = createPublicKey({
        key: await connection.key.exportAsymmetricPub('root', false),
        format: 'der',
        type: 'pkcs1',
      })
      const spki = createPublicKey({
        key: await connection.key.exportAsymmetricPub('root', true),
        format: 'der',
        type: 'spki',
      })
      assert.ok(pkcs1.equals(spki))
      assert.equal(spki.asymmetricKeyDetails?.modulusLength, 2048)
      await assert.rejects(connection.key.exportAsymmetricPriv('root'), refusedWith(5002))
      await assert.rejects(connection.key.exportAsymmetricPub('missing', true), refusedWith(5004))
      await connection.key.create('aes', ALG_AES_256, true, true)
      await assert.rejects(connection.key.exportAsymmetricPub('aes', true), refusedWith(5009))
    })

    test('on a device that wants it exportable for that gives no public half either', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t, { exportPublicHalfOnlyIfExportable: true }))
      await connection.key.create('closed', ALG_RSA_2048, false, true)
      await assert.rejects(connection.key.exportAsymmetricPub('closed', true), refusedWith(5002))
      await connection.key.create('open', ALG_RSA_2048, true, true)
      const publicDer = await connection.key.exportAsymmetricPub('open', true)
      const privateDer = await connection.key.exportAsymmetricPriv('open')
      assert.ok(
        createPublicKey({ key: publicDer, format: 'der', type: 'spki' }).equals(
          createPublicKey({ key: privateDer, format: 'der', type: 'pkcs1' }),
        ),
      )
    })

    test('unenvelops in the padding of the device alone; a refusal leaves the connection usable', async (t) => {
      const state = await memorySimulatorState()
      const data = Buffer.from('a data key of thirty-two bytes!!')
      const start = (padding: Padding): Promise<Simulator> => simulatorFor(t, { ...state, padding })
      const first = await sdkLogin(t, await start('oaep-sha256'))
      await first.key.create('root', ALG_RSA_2048, false, false)
      const key = createPublicKey({
        key: await first.key.exportAsymmetricPub('root', true),
        format: 'der',
        type: 'spki',
      })
      for (const padding of ['oaep-sha256', 'oaep-sha1', 'pkcs1'] as const) {
        // The store is shared: these are replicas of the device that made the key.
        const connection = await sdkLogin(t, await start(padding))
        const block = wrapWith[padding](key, data)
        assert.deepEqual(await connection.cryptography.dataUnenvelop('root', block), data)
        for (const refused of badBlocks(key, padding, data)) {
          await assert.rejects(connection.cryptography.dataUnenvelop('root', refused), refusedWith(5021))
        }
        assert.deepEqual(await connection.cryptography.dataUnenvelop('root', block), data)
      }
    })

    test('answers a block that does not open with the configured code', async (t) => {
      const connection = await sdkLogin(t, await simulatorFor(t, { badBlockError: 5009 }))
      await connection.key.create('root', ALG_RSA_2048, false, true)
      await assert.rejects(
        connection.cryptography.dataUnenvelop('root', Buffer.alloc(256)),
        refusedWith(5009),
      )
      await assert.rejects(
        connection.cryptography.dataUnenvelop('nowhere', Buffer.alloc(256)),
        refusedWith(5004),
      )
    })
  })

  test('what is not exportable is not exported', async (t) => {
    const connection = await sdkLogin(t, await simulatorFor(t))
    await connection.key.create('closed', ALG_AES_256, false, true)
    await assert.rejects(connection.key.exportSymmetric('closed'), refusedWith(5002))
  })

  test('what is not implemented is answered with 5019', async (t) => {
    const simulator = await simulatorFor(t)
    const connection = await sdkLogin(t, simulator)
    await assert.rejects(connection.cryptography.mOfnSplit(2, 3, null), refusedWith(5019))
    await assert.rejects(connection.key.create('r4096', ALG_RSA_4096, false, true), refusedWith(5019))
    await assert.rejects(connection.key.create('des', ALG_3DES_168, true, true), refusedWith(5019))
    await assert.rejects(connection.key.create('chain', ALG_AES_256, true, true, true), refusedWith(5019))
    assert.equal(simulator.stats.operations.unsupported, 1)
    assert.equal(simulator.stats.operations['key.create'], 3)
  })

  test('a request of 4 MiB, over many records, is put together', async (t) => {
    const simulator = await simulatorFor(t)
    const connection = await sdkLogin(t, simulator)
    const data = Buffer.alloc(4 * 1024 * 1024 - 1024, 1)
    await assert.rejects(connection.cryptography.eddsaSign('k', data), refusedWith(5019))
    assert.equal(await connection.key.create('after', ALG_AES_256, true, true), true)
    assert.ok(simulator.stats.applicationBytes > data.length)
  })

  test('simulators that share a store are replicas: what one made permanent, the others have', async (t) => {
    const state = await memorySimulatorState()
    const one = await sdkLogin(t, await simulatorFor(t, state))
    const other = await sdkLogin(t, await simulatorFor(t, state))
    await one.key.create('shared', ALG_AES_256, true, false)
    await one.key.create('temporary', ALG_AES_256, true, true)
    assert.deepEqual(await other.key.exportSymmetric('shared'), await one.key.exportSymmetric('shared'))
    await assert.rejects(other.key.exportSymmetric('temporary'), refusedWith(5004))
  })
})
