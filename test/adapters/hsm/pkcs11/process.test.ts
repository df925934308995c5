import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { provider } from '../../../../src/adapters/hsm/pkcs11/provider.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import { systemClock, systemRandom } from '../../../../src/domain/random.ts'
import type { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { publicKeySha256, wrap } from '../../../../src/domain/wrapping.ts'
import { keepingLogger } from '../../../support/logger.ts'
import { searchMemory } from '../../../support/process-memory.ts'
import { faultyToken, missingFaultyLibrary, missingSoftHsm, softHsmToken } from '../../../support/softhsm.ts'
import { childrenOf, missingProc, until } from './processes.ts'
import { openPkcs11, ROOT_KEY_ID } from './support.ts'

const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))
const ORPHAN = fileURLToPath(new URL('./orphan.child.ts', import.meta.url))

const configuration = {
  PKCS11_LIBRARY: '/does/not/exist.so',
  PKCS11_TOKEN_LABEL: 'any',
  PKCS11_PIN: '1234',
  PKCS11_PADDING: 'auto',
  PKCS11_MAX_SESSIONS: 2,
  PKCS11_OPERATION_TIMEOUT_MS: 3_000,
  HSM_DEADLINE_MS: 8_000,
} as const

const context = { ...keepingLogger(), clock: systemClock, random: systemRandom }

const isRefused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(KmsError.is(error, 'start_refused'), String(error))
  assert.match(error.message, pattern)
  return true
}

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

/** The sources in a folder that has every package but pkcs11js, which is what the test makes of it. */
const withPackage = async (t: TestContext, source?: string): Promise<typeof provider> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await cp(join(REPOSITORY, 'src'), join(folder, 'src'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'node_modules', 'pkcs11js'), { recursive: true })
  for (const name of ['@sinclair', '@opentelemetry']) {
    await symlink(join(REPOSITORY, 'node_modules', name), join(folder, 'node_modules', name))
  }
  if (source === undefined) await rm(join(folder, 'node_modules', 'pkcs11js'), { recursive: true })
  else await writeFile(join(folder, 'node_modules', 'pkcs11js', 'index.js'), source)
  const url = pathToFileURL(join(folder, 'src/adapters/hsm/pkcs11/provider.ts')).href
  return ((await import(url)) as { provider: typeof provider }).provider
}

suite('a start with PKCS#11', () => {
  test('without the package pkcs11js is refused, and says what to install', async (t) => {
    const alone = await withPackage(t)
    const refused = { name: 'KmsError', code: 'start_refused', message: /pkcs11js.*npm install pkcs11js/ }
    await assert.rejects(alone.create(configuration, context), refused)
  })

  test('with a package that does not load is refused, and says why', async (t) => {
    const alone = await withPackage(t, "throw new Error('built for another Node.js')")
    const refused = {
      name: 'KmsError',
      code: 'start_refused',
      message: /built for another Node\.js.*npm install pkcs11js/,
    }
    await assert.rejects(alone.create(configuration, context), refused)
  })

  test('with a library that is not there is refused, and names the setting', async () => {
    const create = () => provider.create(configuration, context)
    await assert.rejects(create, isRefused(/^PKCS11_LIBRARY is "\/does\/not\/exist\.so"/))
  })

  test('needs either a label or a slot', async () => {
    const { PKCS11_TOKEN_LABEL: _left, ...neither } = configuration
    await assert.rejects(
      provider.create(neither, context),
      isRefused(/PKCS11_TOKEN_LABEL and PKCS11_SLOT.*missing/),
    )
    const both = { ...configuration, PKCS11_SLOT: 0 }
    await assert.rejects(provider.create(both, context), isRefused(/PKCS11_TOKEN_LABEL and PKCS11_SLOT.*set/))
  })

  test('offers PKCS#1 v1.5 only where it is asked for by name', { skip: missingSoftHsm() }, async (t) => {
    const token = await softHsmToken(t)
    for (const [PKCS11_PADDING, candidates] of [
      ['auto', ['rsa-oaep-sha256', 'rsa-oaep-sha1']],
      ['pkcs1', ['rsa-pkcs1-v15']],
    ] as const) {
      const settings = { ...configuration, PKCS11_LIBRARY: token.library, PKCS11_PADDING }
      const hsm = await provider.create(settings, context)
      t.after(() => hsm.close())
      assert.deepEqual(hsm.wrapping, { candidates, setting: 'PKCS11_PADDING' })
    }
  })
})

suite('the process of the library', { skip: missingFaultyLibrary() ?? missingProc() }, () => {
  test('is gone when the HSM is closed, even with a call that never returns', async (t) => {
    const token = await faultyToken(t)
    const before = childrenOf(process.pid)
    const { hsm } = await openPkcs11(t, token)
    assert.equal(childrenOf(process.pid).length, before.length + 1)
    await token.hang('C_GenerateKey')
    const blocked = hsm.generateDataKey()
    await until('the call hangs', async () => (await token.pending()) === 0)
    await Promise.all([hsm.close(), assert.rejects(blocked)])
    assert.deepEqual(childrenOf(process.pid), before)
  })

  test('leaves none behind where it was killed', async (t) => {
    const token = await faultyToken(t)
    const before = childrenOf(process.pid)
    const { hsm } = await openPkcs11(t, token)
    await token.crash('C_GenerateKey', 2)
    ;(await hsm.generateDataKey())[Symbol.dispose]()
    assert.equal(childrenOf(process.pid).length, before.length + 1)
    await hsm.close()
    assert.deepEqual(childrenOf(process.pid), before)
  })

  test('ends with its parent, even inside a call that never returns', async (t) => {
    const token = await faultyToken(t)
    for (const hangs of [false, true]) {
      const parent = spawn(process.execPath, [ORPHAN, token.library, token.label, token.pin], {
        env: token.environment,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => parent.kill('SIGKILL'))
      const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
      assert.equal(line, 'ready')
      const [child] = childrenOf(parent.pid as number)
      assert.ok(child !== undefined)
      if (hangs) {
        await token.hang('C_GenerateKey')
        parent.kill('SIGUSR2')
        await until('the call hangs', async () => (await token.pending()) === 0)
      }
      parent.kill('SIGKILL')
      await until('the process is gone', () => isGone(child))
    }
  })

  test('keeps no data key in its memory', async (t) => {
    const token = await faultyToken(t)
    const before = new Set(childrenOf(process.pid))
    const { hsm } = await openPkcs11(t, token, { maxSessions: 2 })
    const { publicKey } = await hsm.createRootKey({ id: ROOT_KEY_ID })
    const sha256 = publicKeySha256(publicKey)
    const reference = { id: ROOT_KEY_ID, algorithm: 'rsa-oaep-sha1', publicKeySha256: sha256 } as const
    const keys: SecretBytes[] = []
    for (let round = 0; round < 8; round++) {
      const key = await hsm.generateDataKey()
      const wrapped = wrap(publicKey, reference.algorithm, key)
      using opened = await hsm.unwrapDataKey(reference, wrapped)
      assert.ok(opened.equals(key))
      keys.push(key)
    }
    keys.push(...(await Promise.all(Array.from({ length: 32 }, () => hsm.generateDataKey()))))
    const [child] = childrenOf(process.pid).filter((pid) => !before.has(pid))
    assert.ok(child !== undefined)
    // Memory that was freed loses its first bytes at once, whatever else is done to it.
    const needles = keys.map(({ bytes }, index) => ({ name: `key ${index}`, bytes: bytes.subarray(16) }))
    assert.deepEqual(searchMemory(child, needles), [])
    for (const key of keys) key[Symbol.dispose]()
  })
})
