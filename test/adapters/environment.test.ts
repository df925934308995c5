import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ADAPTERS = fileURLToPath(new URL('../../src/adapters/', import.meta.url))

/** Handed on to a vendor's library, which reads variables of its own. */
const EXCEPTION = join('hsm', 'pkcs11', 'provider.ts')

test('no adapter touches the environment, but for the one that hands it on to a foreign library', () => {
  const touching = readdirSync(ADAPTERS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) =>
      /process\s*\.\s*env\b|\benv\b.*from 'node:process'/.test(readFileSync(join(ADAPTERS, path), 'utf8')),
    )
  assert.deepEqual(touching, [EXCEPTION])
  const uses = readFileSync(join(ADAPTERS, EXCEPTION), 'utf8').match(/process\.env/g)
  assert.equal(uses?.length, 1)
})
