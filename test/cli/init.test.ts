import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ANCHOR_FORM } from '../../src/domain/integrity/integrity-key.ts'
import { auditSettings, SOME_ANCHOR, startServiceProcess } from '../support/service-process.ts'
import { dinamoSettings, simulatorFor } from '../support/simulator.ts'
import { runCofre, temporaryFolder } from './run-cofre.ts'

const setUp = async (t: TestContext) => {
  const simulator = await simulatorFor(t)
  const folder = await temporaryFolder(t)
  const settings = {
    BIND: '127.0.0.1',
    PORT: '0',
    HEALTH_BIND: 'off',
    TLS_MODE: 'disabled',
    POLICY: 'open',
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
    ...dinamoSettings(simulator),
    ...auditSettings(folder),
  }
  return { folder, settings }
}

const anchorIn = (stdout: string): string => /^STORE_ANCHOR=(.+)$/m.exec(stdout)?.[1] ?? ''

test('init prints the anchor, alone on standard output, and serve starts with it', async (t) => {
  const { settings } = await setUp(t)
  const { code, stdout, stderr } = await runCofre(['init'], settings)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^STORE_ANCHOR=cofre1-[0-9a-f]{64}\n$/)
  const service = await startServiceProcess('serve', { ...settings, STORE_ANCHOR: anchorIn(stdout) })
  t.after(() => service.kill())
  assert.equal(await service.stop(), 0)
})

test('serve without an anchor, with a wrong one, or before init, stops with exit code 78', async (t) => {
  const { settings } = await setUp(t)
  for (const [change, pattern] of [
    [{}, /STORE_ANCHOR is missing/],
    [{ STORE_ANCHOR: SOME_ANCHOR }, /not that of STORE_ANCHOR: it is empty, or never saw cofre init/],
  ] as const) {
    const { code, stderr } = await runCofre(['serve'], { ...settings, ...change })
    assert.equal(code, 78, stderr)
    assert.match(stderr, pattern)
  }
  assert.equal((await runCofre(['init'], settings)).code, 0)
  const { code, stderr } = await runCofre(['serve'], { ...settings, STORE_ANCHOR: SOME_ANCHOR })
  assert.equal(code, 78)
  assert.match(stderr, /not that of STORE_ANCHOR: it has another anchor/)
})

test('init refuses a store that it finished, naming where the anchor is', async (t) => {
  const { settings } = await setUp(t)
  const first = await runCofre(['init'], settings)
  for (const STORE_ANCHOR of ['', anchorIn(first.stdout)]) {
    const { code, stdout, stderr } = await runCofre(['init'], {
      ...settings,
      ...(STORE_ANCHOR === '' ? {} : { STORE_ANCHOR }),
    })
    assert.equal(code, 78)
    assert.equal(stdout, '')
    assert.match(stderr, /was initialized at .* already.* STORE_ANCHOR/)
  }
})

test('init refuses what it is not called with', async (t) => {
  const { settings } = await setUp(t)
  for (const args of [
    ['init', 'x'],
    ['init', '--witnes', 'a'],
  ]) {
    assert.equal((await runCofre(args, settings)).code, 2)
  }
  const { code, stdout } = await runCofre(['init', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /--witness NAME/)
})

test('the transcript names witnesses, store and root key, and verifies offline with the audit key alone', async (t) => {
  const { folder, settings } = await setUp(t)
  const file = join(folder, 'transcript.json')
  const witnesses = ['--witness', 'first witness', '--witness', 'second witness']
  const made = await runCofre(['init', ...witnesses, '--transcript', file], settings)
  assert.equal(made.code, 0, made.stderr)
  const anchor = anchorIn(made.stdout)
  assert.match(anchor, ANCHOR_FORM)
  const key = join(folder, 'audit.pub')
  await writeFile(key, createPublicKey(settings.AUDIT_KEY).export({ type: 'spki', format: 'pem' }))
  const good = await runCofre(['init', 'verify', file, '--key', key])
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /witnesses: first witness, second witness/)
  assert.match(good.stdout, new RegExp(`^STORE_ANCHOR=${anchor}$`, 'm'))
  const text = await readFile(file, 'utf8')
  for (const altered of [text.replace('first', 'third'), text.replace(anchor, SOME_ANCHOR), '{}', 'x']) {
    await writeFile(file, altered)
    const { code, stdout, stderr } = await runCofre(['init', 'verify', file, '--key', key])
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /not a transcript that this key signed/)
  }
  assert.equal((await runCofre(['init', 'verify', join(folder, 'none'), '--key', key])).code, 1)
})
