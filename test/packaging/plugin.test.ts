import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PLUGIN = join(ROOT, 'examples', 'hsm-plugin')
const COMMAND = ['--no-install', 'cofre', 'dev']
const NPM_TIMEOUT_MS = 300_000

/** What a clone has and a package is made of. */
const SOURCES = [
  'bin',
  'docs',
  'src',
  'test/contracts',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
]

/** Nothing of what npm told the test runner is for the npm that is started here. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_') && !name.startsWith('NODE_')),
  )

/** Packed from a copy: `prepack` builds, and another test may be at it in the clone. */
const pack = async (folder: string): Promise<string> => {
  const clone = join(folder, 'clone')
  for (const name of SOURCES) await cp(join(ROOT, name), join(clone, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
  await run('npm', ['pack', '--pack-destination', folder], {
    cwd: clone,
    env: environment(),
    timeout: NPM_TIMEOUT_MS,
  })
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  return join(folder, tarball)
}

interface LockedPackage {
  readonly dev?: boolean
}

/** The packages that come with the tarball, by their folders' names: those of the lock file that are not for development. */
const productionPackages = async (): Promise<readonly string[]> => {
  const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  return Object.entries(lock.packages).flatMap(([path, { dev }]) => {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? []
    return name === undefined || dev === true || !existsSync(join(ROOT, path)) ? [] : [name]
  })
}

/** As `npm install` lays it out, of what the clone has: without the network, and without native modules' scripts. */
const install = async (folder: string, tarball: string): Promise<void> => {
  const modules = join(folder, 'node_modules')
  const own = join(modules, 'cofre')
  await mkdir(own, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', own])
  for (const name of await productionPackages()) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  await mkdir(join(modules, '.bin'))
  await symlink('../cofre/bin/cofre.js', join(modules, '.bin', 'cofre'))
}

const startDev = async (
  t: TestContext,
  folder: string,
): Promise<{ url: string; stop: () => Promise<void> }> => {
  const child = spawn('npx', COMMAND, {
    cwd: folder,
    env: {
      ...environment(),
      PORT: '0',
      HEALTH_BIND: 'off',
      HSM_PROVIDER: './plugin/keystore-hsm.ts',
      KEYSTORE_FILE: join(folder, 'keystore.db'),
      KEYSTORE_PASSPHRASE: 'correct horse battery',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Of a group of its own, so that the program behind npx can be told to stop, too.
    detached: true,
  })
  const group = -(child.pid as number)
  const closed = once(child, 'close')
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    process.kill(group, 'SIGTERM')
    await closed
  }
  t.after(stop)
  const output: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => output.push(line))
  for await (const line of createInterface({ input: child.stdout })) {
    output.push(line)
    const [, url] = /"url":"([^"]+)".*"msg":"ready"/.exec(line) ?? []
    if (url !== undefined) {
      child.stdout.resume()
      return { url, stop }
    }
  }
  throw new Error(`it ended before it was ready:\n${output.join('\n')}`)
}

suite('a provider from outside', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-package-'))
  after(() => rm(folder, { recursive: true, force: true }))
  const user = join(folder, 'user')
  await install(user, await pack(folder))
  await cp(PLUGIN, join(user, 'plugin'), { recursive: true })

  test('fits the types that the package brings', async () => {
    const types = join(ROOT, 'node_modules', '@types')
    const options = ['--project', join(user, 'plugin'), '--typeRoots', types]
    await run(join(ROOT, 'node_modules', '.bin', 'tsc'), options)
  })

  test('passes the contract suite that the package brings', async () => {
    const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap'], {
      cwd: join(user, 'plugin'),
      env: environment(),
    })
    assert.match(stdout, /HSM contract: keystore/)
    assert.match(stdout, /^# fail 0$/m)
    assert.match(stdout, /^# pass 1\d$/m)
  })

  test('holds the root key of a service that was started with npx', async (t) => {
    const key = {
      pub: 'xpub-of-the-plugin',
      prv: 'xprv-of-the-plugin',
      coin: 'tbtc',
      source: 'user',
      type: 'independent',
    }
    const first = await startDev(t, user)
    const stored = await fetch(`${first.url}/key`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(key),
    })
    assert.equal(stored.status, 200, await stored.text())
    await first.stop()
    const second = await startDev(t, user)
    const read = await fetch(`${second.url}/key/${key.pub}?source=user`)
    assert.equal(read.status, 200)
    assert.equal(((await read.json()) as typeof key).prv, key.prv)
    await second.stop()
  })
})
