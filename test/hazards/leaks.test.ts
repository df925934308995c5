import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type DinamoSdk, makeSdk } from '../../src/adapters/hsm/dinamo/session/sdk.ts'
import {
  credentialsOf,
  failsWith,
  openFor,
  ROOT,
  rootKeyFor,
  sessionFor,
} from '../adapters/hsm/dinamo/session/support.ts'
import { simulatorFor, USER } from '../support/simulator.ts'
import { openInside } from './support/opened-session.ts'

const TIMEOUT = { timeout: 60_000 }
const ROUNDS = 200

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** How many of them are still held by something. */
const stillAlive = async (references: readonly WeakRef<object>[]): Promise<number> => {
  // A WeakRef holds its target until the end of the turn that made or read it.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  return references.filter((reference) => reference.deref() !== undefined).length
}

const listenersOf = (socket: TLSSocket): number =>
  socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0)

/** Every chunk that the guard gets, without keeping it alive. */
const watchChunks = (socket: TLSSocket) => {
  const references: WeakRef<Buffer>[] = []
  socket.prependListener('data', (chunk: Buffer) => void references.push(new WeakRef(chunk)))
  return references
}

/** Runs a process that opens a session, ends it as told, and has nothing else to do. */
const exitCodeOf = async (t: TestContext, ending: 'close' | 'destroy'): Promise<number | null> => {
  const simulator = await simulatorFor(t)
  const script = fileURLToPath(new URL('support/one-session.child.ts', import.meta.url))
  const { host, port, certificateSha256 } = simulator
  const child = spawn(process.execPath, [script, host, String(port), certificateSha256, ending], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  t.after(() => child.kill())
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(simulator.stats.logins, 1)
  return code
}

suite('whatever the SDK keeps or leaves open is let go', TIMEOUT, () => {
  test('listeners', async (t) => {
    const { session, socket } = await openInside(t, await simulatorFor(t))
    const before = listenersOf(socket)
    for (let round = 0; round < ROUNDS; round++) {
      using _key = await session.makeDataKey(`key${round}`)
    }
    assert.equal(listenersOf(socket), before)
    assert.equal(socket.listenerCount('data'), 1)
  })

  test('listeners-cleaned', async (t) => {
    const { session, socket } = await openInside(t, await simulatorFor(t))
    const chunks = watchChunks(socket)
    for (let round = 0; round < ROUNDS; round++) {
      using key = await session.makeDataKey(`key${round}`)
      assert.ok(key.bytes.some((byte) => byte !== 0))
      const frame = chunks.at(-1)?.deref()
      assert.ok(frame === undefined || frame.every((byte) => byte === 0), 'the reply was not wiped')
    }
    assert.equal(chunks.length, ROUNDS * 2)
    assert.ok((await stillAlive(chunks)) < 5)
    assert.ok(session.usable)
  })

  test('stale-data-listener', async (t) => {
    const { session, socket } = await openInside(t, await simulatorFor(t))
    assert.equal(await session.createRootKey(ROOT), 'created')
    assert.ok(await session.exportPublicKey(ROOT))
    assert.equal((await session.unwrap(ROOT, Buffer.alloc(256, 1))).kind, 'refused')
    assert.equal(socket.listenerCount('data'), 1)
  })

  test('inputs-retained', async (t) => {
    const { session, block } = await rootKeyFor(t)
    const blocks: WeakRef<Buffer>[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const input = Buffer.from(block)
      blocks.push(new WeakRef(input))
      const answer = await session.unwrap(ROOT, input)
      assert.ok(answer.kind === 'opened')
      answer.bytes[Symbol.dispose]()
    }
    assert.ok((await stillAlive(blocks)) < 5)
    assert.ok(session.usable)
  })

  test('static-instance', async (t) => {
    const { simulator, session } = await sessionFor(t)
    const wrong = credentialsOf({ ...USER, password: 'wrong' })
    await assert.rejects(openFor(t, simulator, { credentials: wrong }), failsWith('login-refused', 5002))
    const sdk = Object.getPrototypeOf(await makeSdk()) as {
      readonly constructor: { readonly instance?: unknown }
    }
    assert.equal(sdk.constructor.instance, undefined)
    assert.ok(session.usable)
  })

  test('password-retained', async (t) => {
    const sdk = await makeSdk()
    const given: { readonly password: Buffer }[] = []
    const spy: DinamoSdk = Object.assign(Object.create(sdk), {
      openSessionWithUsernamePassword: (auth: { username: string; password: Buffer }) => {
        given.push(auth)
        assert.equal(auth.password.toString(), USER.password)
        return sdk.openSessionWithUsernamePassword.call(spy, auth)
      },
    })
    const { session } = await openInside(t, await simulatorFor(t), spy)
    assert.ok(session.usable)
    assert.equal(given.length, 1)
    assert.deepEqual(given[0]?.password, Buffer.alloc(USER.password.length))
    assert.deepEqual(spy.options, { authUsernamePassword: { username: USER.username } })
  })

  test('clean-exit', async (t) => assert.equal(await exitCodeOf(t, 'close'), 0))
  test('no-disconnect-…', async (t) => assert.equal(await exitCodeOf(t, 'destroy'), 0))
})
