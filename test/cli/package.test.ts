import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from './run-cofre.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

test('the packed tarball runs from node_modules, and exports ports and contracts', async (t) => {
  const folder = await temporaryFolder(t)
  await run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT })
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, 'cofre'), { recursive: true })
  await run('tar', ['-xzf', join(folder, tarball), '-C', join(modules, 'cofre'), '--strip-components=1'])
  // What npm would install beside it: the tests are not to need the registry.
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  const user = join(folder, 'user.mjs')
  await writeFile(
    user,
    `import { hsmContract, keyRepositoryContract, envelopeCipherContract } from 'cofre/contracts'
     import { KmsError, SecretBytes, isReplicated } from 'cofre/ports'
     console.log([hsmContract, keyRepositoryContract, envelopeCipherContract, KmsError, SecretBytes, isReplicated].map((x) => typeof x).join())`,
  )
  const { stdout } = await run(process.execPath, [user], { cwd: folder })
  assert.equal(stdout.trim(), Array(6).fill('function').join())

  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [join(modules, 'cofre/bin/cofre.js'), 'dev'], {
    cwd: folder,
    env: { PATH, PORT: '0', HEALTH_BIND: 'off' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  t.after(() => child.kill('SIGKILL'))
  let url: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    url = /"url":"([^"]+)".*"msg":"ready"/.exec(line)?.[1]
    if (url !== undefined) break
  }
  const answer = await fetch(`${url}/generateDataKey`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"keyType":"AES-256"}',
  })
  assert.equal(answer.status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
