import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { hsm } from '@dinamonetworks/hsm-dinamo'
import { COFRE } from '../support/service-process.ts'
import { runCofre, temporaryFolder } from './run-cofre.ts'

interface SimulatorProcess {
  readonly port: number
  readonly certificateSha256: string
  stop(): Promise<number | null>
}

/** Resolves once it says that it is ready. */
const startSimulatorProcess = async (t: TestContext, args: readonly string[]): Promise<SimulatorProcess> => {
  const child = spawn(process.execPath, [COFRE, 'simulator', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let output = ''
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`
    if (line.startsWith('users:')) break
  }
  const [, port] = /^DINAMO_HOST=127\.0\.0\.1:(\d+)$/m.exec(output) ?? []
  const [, certificateSha256 = ''] = /^DINAMO_CERT_SHA256=([0-9a-f]{64})$/m.exec(output) ?? []
  assert.ok(Number(port) > 0, output)
  return {
    port: Number(port),
    certificateSha256,
    async stop() {
      child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
  }
}

const login = async (t: TestContext, { port }: SimulatorProcess, username: string, password: string) => {
  const connection = await hsm.connect({
    host: '127.0.0.1',
    port,
    authUsernamePassword: { username, password },
  })
  t.after(() => connection.disconnect())
}

test('the simulator lets its users in, those of a password file too, and keeps its identity in its state', async (t) => {
  const folder = await temporaryFolder(t)
  const state = join(folder, 'state.json')
  const passwords = join(folder, 'password')
  await writeFile(passwords, 'carol:from:file\n')
  const args = ['--state', state, '--user', 'alice:one', '--user', 'bob:two', '--password-file', passwords]
  const first = await startSimulatorProcess(t, args)
  await login(t, first, 'alice', 'one')
  await login(t, first, 'bob', 'two')
  await login(t, first, 'carol', 'from:file')
  assert.equal((await stat(state)).mode & 0o777, 0o600)
  assert.equal(await first.stop(), 0)
  const second = await startSimulatorProcess(t, args)
  assert.equal(second.certificateSha256, first.certificateSha256)
})

test('what is wrong with its options is said, and how it is called', async (t) => {
  const folder = await temporaryFolder(t)
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--port', '70000'], /--port must be a whole number from 0 to 65535, not 70000/],
    [['--padding', 'none'], /--padding must be one of oaep-sha256, oaep-sha1, pkcs1/],
    [['--user', 'alice'], /NAME:PASSWORD/],
    [['--certificate', 'c.pem'], /--certificate and --key go together/],
    [['--password-file', join(folder, 'none')], /--password-file .* can't be read \(ENOENT\)/],
    [['--prot', '1'], /--prot/],
    [['extra'], /extra/],
  ]
  for (const [args, expected] of cases) {
    const { code, stderr } = await runCofre(['simulator', ...args])
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, expected)
  }
  const elsewhere = await runCofre(['simulator', '--host', '0.0.0.0'])
  assert.equal(elsewhere.code, 78)
  assert.match(elsewhere.stderr, /^cofre simulator: .*loopback/)
  const longName = await runCofre(['simulator', '--user', `${'a'.repeat(17)}:b`])
  assert.equal(longName.code, 78)
  assert.match(longName.stderr, /1 to 16 printable ASCII characters/)
})
