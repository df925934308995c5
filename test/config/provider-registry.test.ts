import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  BUILT_IN_PROVIDERS,
  BUILT_IN_SECRETS,
  loadProvider,
} from '../../src/adapters/hsm/provider-registry.ts'
import { secretNames } from '../../src/config/read-settings.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import type { HsmProviderContext } from '../../src/ports/hsm-provider.port.ts'
import type * as Ports from '../../src/ports/index.ts'

const PLUGIN = 'export const provider = { name: "acme", configuration: { properties: {} }, create() {} }'

const folderWith = async (t: TestContext, files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-registry-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

const refuses = async (name: string, folder: string, ...expected: readonly RegExp[]): Promise<void> => {
  await assert.rejects(loadProvider(name, folder), (error) => {
    assert.ok(KmsError.is(error, 'start_refused'), String(error))
    for (const pattern of expected) assert.match(error.message, pattern)
    return true
  })
}

test('every provider of this repository loads, under its own name', async () => {
  assert.deepEqual(BUILT_IN_PROVIDERS, ['dinamo', 'memory', 'pkcs11'])
  for (const name of BUILT_IN_PROVIDERS) assert.equal((await loadProvider(name)).name, name)
})

test('the secrets of every provider of this repository are known without loading it', async () => {
  const schemas = await Promise.all(
    BUILT_IN_PROVIDERS.map(async (name) => (await loadProvider(name)).configuration),
  )
  assert.deepEqual(
    BUILT_IN_SECRETS,
    schemas.flatMap((schema) => [...secretNames(schema)]),
  )
})

test('a plugin is found by its path, in TypeScript too, and by an absolute one', async (t) => {
  const folder = await folderWith(t, {
    'plug.ts': `${PLUGIN} as const`,
    'sub/plug.js': PLUGIN,
    'sub/package.json': '{"type":"module"}',
  })
  assert.equal((await loadProvider('./plug.ts', folder)).name, 'acme')
  assert.equal((await loadProvider('../plug.ts', join(folder, 'sub'))).name, 'acme')
  assert.equal((await loadProvider(join(folder, 'sub/plug.js'))).name, 'acme')
})

test('a package is looked up from the working folder, also one for import alone, and one in a scope', async (t) => {
  const manifest = (exports: object): string => JSON.stringify({ type: 'module', exports })
  const folder = await folderWith(t, {
    'node_modules/acme-hsm/package.json': manifest({ '.': { import: './index.js' } }),
    'node_modules/acme-hsm/index.js': PLUGIN,
    'node_modules/@acme/hsm/package.json': manifest({ '.': './index.js' }),
    'node_modules/@acme/hsm/index.js': PLUGIN,
  })
  assert.equal((await loadProvider('acme-hsm', folder)).name, 'acme')
  assert.equal((await loadProvider('@acme/hsm', join(folder, 'below'))).name, 'acme')
})

test('a plugin gets the ports of this program, whatever it has installed, early or late', async (t) => {
  const ports = `import * as early from 'cofre/ports'
    export const provider = {
      name: 'acme', configuration: { properties: {} },
      create: async () => [early, await import('cofre/ports')],
    }`
  const required = `exports.provider = {
      name: 'acme', configuration: { properties: {} },
      create: async () => [require('cofre/ports')],
    }`
  const folder = await folderWith(t, {
    'plug.mjs': ports,
    'plug.cjs': required,
    'copy/plug.mjs': ports,
    'copy/node_modules/cofre/package.json': '{"type":"module","exports":{"./ports":"./ports.js"}}',
    'copy/node_modules/cofre/ports.js': 'export class KmsError extends Error {}; export class SecretBytes {}',
  })
  for (const path of ['./plug.mjs', './plug.cjs', './copy/plug.mjs']) {
    const provider = await loadProvider(path, folder)
    const seen = (await provider.create({}, {} as HsmProviderContext)) as unknown as (typeof Ports)[]
    for (const { KmsError: error, SecretBytes: secret } of seen) {
      assert.equal(error, KmsError, path)
      assert.equal(secret, SecretBytes, path)
    }
  }
})

test('a name that nobody knows lists the known ones', async (t) => {
  const folder = await folderWith(t, {})
  for (const name of ['acme-hsm', 'DINAMO', 'dinamo ', 'constructor', '__proto__', 'plug.ts', 'a/b']) {
    await refuses(name, folder, /dinamo, memory, pkcs11/, /HSM_PROVIDER/, /npm install/)
  }
})

test('a provider that fails to load says why, and what to install', async (t) => {
  const folder = await folderWith(t, {
    'missing.mjs': "import 'acme-native'",
    'broken.mjs': "throw new Error('no libacme.so\\nsecond line')",
    'empty.mjs': 'export const other = 1',
    'half.mjs': 'export const provider = { name: "half" }',
  })
  await refuses(
    './missing.mjs',
    folder,
    /^The HSM provider \.\/missing\.mjs can't be loaded/,
    /acme-native/,
    /npm install/,
  )
  await refuses('./broken.mjs', folder, /can't be loaded: no libacme\.so$/)
  await refuses('./none.mjs', folder, /can't be loaded/, /none\.mjs/)
  await refuses('./empty.mjs', folder, /exports no `provider`/)
  await refuses('./half.mjs', folder, /exports no `provider`/)
})
