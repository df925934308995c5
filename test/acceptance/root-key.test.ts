import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import type { FaultSource, Message } from '../../src/simulator/faults.ts'
import { Devices } from '../adapters/hsm/dinamo/support.ts'
import { ask } from '../durability/support/client.ts'
import { COFRE } from '../support/service-process.ts'
import { instanceOver } from './support/instance-over.ts'

const TIMEOUT = { timeout: 120_000 }

/** Those of data keys are hexadecimal. */
const isRootKeyName = (name: string): boolean => /[g-z]/.test(name)

/** Where it is told to, a device goes silent and says so; and it keeps count of the keys asked for. */
class Trap implements FaultSource {
  readonly rootKeys = new Set<string>()
  #point: Pick<Message, 'stage' | 'operation'> | undefined
  #sprung = Promise.withResolvers<void>()

  set(point: Pick<Message, 'stage' | 'operation'>): Promise<void> {
    this.#point = point
    this.#sprung = Promise.withResolvers<void>()
    return this.#sprung.promise
  }

  pick({ stage, operation, key = '' }: Message): { readonly kind: 'silent' } | undefined {
    if (operation === 'key.create' && isRootKeyName(key)) this.rootKeys.add(key)
    if (stage !== this.#point?.stage || operation !== this.#point.operation) return undefined
    this.#sprung.resolve()
    return { kind: 'silent' }
  }

  remove(): void {
    this.#point = undefined
  }
}

const spawnInit = (t: TestContext, settings: Readonly<Record<string, string>>): ChildProcess => {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [COFRE, 'init'], { env: { PATH, ...settings }, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return child
}

suite('cofre init, killed while it makes the root key', TIMEOUT, () => {
  test('at any point, and again at the next one, leaves one root key for each scope, which the start after it uses', async (t) => {
    const trap = new Trap()
    const devices = await Devices.start(t, 2, { faults: trap })
    const instance = await instanceOver(t, devices)
    for (const point of [
      { stage: 'request', operation: 'key.create' },
      { stage: 'reply', operation: 'key.create' },
      { stage: 'reply', operation: 'key.exportPublic' },
      { stage: 'reply', operation: 'dataUnenvelop' },
    ] as const) {
      const sprung = trap.set(point)
      const child = spawnInit(t, instance.settings)
      const ended = once(child, 'exit')
      await Promise.race([sprung, ended])
      assert.equal(child.exitCode, null, `it ended before ${point.stage} of ${point.operation}`)
      child.kill('SIGKILL')
      await ended
    }
    trap.remove()
    const { url } = await instance.start()
    assert.equal(trap.rootKeys.size, 3)
    const { status, body } = await ask(url, '/generateDataKey', { keyType: 'AES-256' })
    assert.equal(status, 200)
    const [, , rootKey = ''] = String(body.encryptedKey).split('.')
    assert.ok(trap.rootKeys.has(rootKey))
  })
})
