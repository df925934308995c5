import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runCofre, temporaryFolder } from '../cli/run-cofre.ts'
import { storeBody } from '../memory/support/cases.ts'
import { type MemoryBench, openMemoryBench } from '../memory/support/memory-bench.ts'
import { secretText } from '../memory/support/secrets.ts'
import { auditSettings, COFRE } from '../support/service-process.ts'
import { USER } from '../support/simulator.ts'
import { missingSoftHsm, softHsmToken } from '../support/softhsm.ts'
import { pemBody } from './support/pem.ts'

const FAILS_ON_SIGNAL = fileURLToPath(new URL('./support/fails-on-signal.ts', import.meta.url))
const INSPECTOR_PORT = 9229
const reasonToSkip = process.platform === 'linux' ? false : 'needs the /proc of Linux'

const open = (t: TestContext, settings: Readonly<Record<string, string>> = {}): Promise<MemoryBench> =>
  openMemoryBench(t, { format: 'a256gcm', settings })

const secretsOf = ({ settings }: MemoryBench): readonly string[] => {
  const { DINAMO_PASSWORD = '', AUDIT_KEY = '' } = settings
  return [DINAMO_PASSWORD, pemBody(AUDIT_KEY)]
}

const assertFreeOf = (text: string, secrets: readonly string[]): void => {
  assert.deepEqual(
    secrets.map((secret, index) => (text.includes(secret) ? `secret ${index}` : '')).filter(Boolean),
    [],
  )
}

for (const [failure, event] of [
  ['exception', 'uncaught exception'],
  ['rejection', 'unhandled rejection'],
] as const) {
  test(`the last words after an ${event} have no secret in them`, async (t) => {
    const secret = secretText(64)
    const bench = await open(t, {
      NODE_OPTIONS: `--import ${FAILS_ON_SIGNAL}`,
      COFRE_TEST_SECRET: secret,
      COFRE_TEST_FAILURE: failure,
    })
    const { child, output } = bench.service
    const ended = once(child, 'close')
    child.kill('SIGUSR2')
    const [code] = (await ended) as [number | null]
    assert.equal(code, 1)
    const text = output.join('\n')
    assert.match(text, new RegExp(event))
    assert.match(text, /"name":"SyntaxError"/)
    assertFreeOf(text, [secret, Buffer.from(secret).toString('hex').slice(0, 40), ...secretsOf(bench)])
  })
}

test('a diagnostic report has no secret in it, neither of the environment nor of a request', async (t) => {
  const secret = secretText(64)
  const folder = await mkdtemp(join(tmpdir(), 'cofre-report-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const bench = await open(t, {
    NODE_OPTIONS: `--report-on-signal --report-signal=SIGUSR2 --report-directory=${folder}`,
    COFRE_TEST_SECRET: secret,
  })
  const prv = secretText(895)
  await bench.client.call({ path: '/key', body: storeBody('reported', prv) })
  const before = bench.service.output.length
  bench.service.child.kill('SIGUSR2')
  await bench.logged(/Node\.js report completed/, before)
  const [name = ''] = await readdir(folder)
  const report = await readFile(join(folder, name), 'utf8')
  assert.ok(report.includes('"javascriptStack"'))
  assertFreeOf(report, [secret, prv, ...secretsOf(bench)])
})

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const isOpen = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

test('SIGUSR1 opens no debugger', async (t) => {
  assert.equal(await isOpen(INSPECTOR_PORT), false, 'something else is at the port of debuggers')
  const { service } = await open(t)
  service.child.kill('SIGUSR1')
  await sleep(500)
  assert.equal(await isOpen(INSPECTOR_PORT), false)
  assert.doesNotMatch(service.output.join('\n'), /Debugger listening/)
})

test('serve does not start with an option that shows or writes what is in its memory', async (t) => {
  // Node.js itself writes its profiles of the start that is refused into the current folder.
  const folder = await temporaryFolder(t)
  const options = [
    '--inspect=127.0.0.1:0',
    '--inspect_port=0',
    '--heapsnapshot-signal=SIGUSR2',
    '--heapsnapshot-near-heap-limit=1',
    '--heap-prof',
    '--tls-keylog=/dev/null',
    '--trace-tls',
  ]
  for (const option of options) {
    const { code, stderr } = await runCofre(['serve'], { NODE_OPTIONS: option }, folder)
    assert.deepEqual([code, stderr.includes('serve: does not run')], [78, true], `${option}: ${stderr}`)
  }
  // Of the program itself: the profiler's timer may end the launcher in the moment in which it becomes the program.
  const { status, stderr: complaint } = spawnSync(process.execPath, [MAIN, 'serve'], {
    env: { PATH: process.env.PATH, NODE_OPTIONS: '--cpu-prof' },
    cwd: folder,
    encoding: 'utf8',
  })
  assert.deepEqual([status, complaint.includes('serve: does not run')], [78, true], complaint)
  for (const name of ['NODE_DEBUG', 'NODE_DEBUG_NATIVE']) {
    const { code, stderr } = await runCofre(['serve'], { [name]: 'stream' })
    assert.deepEqual([code, stderr.includes(`serve: does not run with ${name}`)], [78, true], stderr)
  }
})

suite('as the kernel sees it', { skip: reasonToSkip }, () => {
  test('the process writes no core dump', async (t) => {
    const { service } = await open(t)
    assert.match(await readFile(`/proc/${service.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m)
  })

  test('a limit of one byte stays: it stops dumps into pipes, too', async () => {
    const show =
      'data:text/javascript,import fs from "node:fs";console.log(fs.readFileSync("/proc/self/limits","utf8"))'
    const options = ['--core=1', process.execPath, COFRE, 'version']
    const { stdout, error } = spawnSync('prlimit', options, {
      env: {
        PATH: process.env.PATH,
        NODE_OPTIONS: `--import ${encodeURI(show).replace('data%3A', 'data:')}`,
      },
      encoding: 'utf8',
    })
    assert.equal(error, undefined, 'prlimit is missing: apt-get install util-linux')
    assert.match(stdout.slice(stdout.lastIndexOf('Max core')), /^Max core file size +1 +1 /)
  })

  test('no secret is in its command line, and none in its environment where they come in files', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'cofre-secrets-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const secrets = { DINAMO_PASSWORD: USER.password, AUDIT_KEY: auditSettings(folder).AUDIT_KEY }
    const files: Record<string, string> = {}
    for (const [name, secret] of Object.entries(secrets)) {
      files[`${name}_FILE`] = join(folder, name)
      await writeFile(join(folder, name), secret, { mode: 0o600 })
    }
    const { service } = await open(t, files)
    for (const name of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${service.pid}/${name}`, 'utf8')
      assertFreeOf(text, [USER.password, pemBody(secrets.AUDIT_KEY)])
    }
  })

  test('the process of a PKCS#11 library gets no PIN but over its channel', {
    skip: missingSoftHsm() ?? false,
  }, async (t) => {
    const token = await softHsmToken(t)
    const { service } = await open(t, {
      HSM_PROVIDER: 'pkcs11',
      PKCS11_LIBRARY: token.library,
      PKCS11_TOKEN_LABEL: token.label,
      PKCS11_PIN: token.pin,
      SOFTHSM2_CONF: token.environment.SOFTHSM2_CONF ?? '',
    })
    const children = await readFile(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8')
    const [child = ''] = children.split(' ')
    assert.notEqual(child, '', 'it has no child')
    for (const name of ['cmdline', 'environ', 'limits']) {
      const text = await readFile(`/proc/${child}/${name}`, 'utf8')
      assertFreeOf(text, [token.pin])
      if (name === 'limits') assert.match(text, /^Max core file size +0 +0 /m)
      if (name === 'environ') assert.ok(text.includes('SOFTHSM2_CONF'), 'it has an environment')
    }
  })
})
