import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { OPERATIONS, REFUSALS } from '../memory/support/cases.ts'
import { openMemoryBench } from '../memory/support/memory-bench.ts'
import type { Needle } from '../support/process-memory.ts'
import { pemBody } from './support/pem.ts'

/** They hold secrets on purpose: the simulator's state, and the TLS key that the test made. */
const SECRET_FILES = ['hsm.json', 'server.key']

const found = (where: string, text: Buffer, needles: readonly Needle[]): readonly string[] =>
  needles.filter(({ bytes }) => text.includes(bytes)).map(({ name }) => `${name} in ${where}`)

for (const format of ['sjcl', 'a256gcm'] as const) {
  test(`no log line, at any level, and no file has a secret in it: ${format}`, async (t) => {
    const settings = { LOG_LEVEL: 'trace' }
    const bench = await openMemoryBench(t, { format, tls: 'TLSv1.3', settings })
    const needles: Needle[] = []
    for (const { run } of [...OPERATIONS, ...REFUSALS]) needles.push(...(await run(bench)))
    const { DINAMO_PASSWORD = '', AUDIT_KEY = '', SERVER_TLS_KEY_PATH = '' } = bench.settings
    const credentials = {
      'the password of the HSM': DINAMO_PASSWORD,
      'the audit key': pemBody(AUDIT_KEY),
      'the TLS key': pemBody(await readFile(SERVER_TLS_KEY_PATH, 'utf8')),
    }
    for (const [name, text] of Object.entries(credentials)) needles.push({ name, bytes: Buffer.from(text) })

    assert.equal(await bench.service.stop(), 0)
    const output = Buffer.from(bench.service.output.join('\n'))
    assert.ok(output.includes('request refused') && output.includes('request aborted'))
    assert.deepEqual(found('the log', output, needles), [])
    const files = (await readdir(bench.folder)).filter((name) => !SECRET_FILES.includes(name))
    assert.ok(files.includes('cofre.sqlite') && files.includes('audit.log'), files.join(' '))
    for (const name of files) {
      assert.deepEqual(found(name, await readFile(join(bench.folder, name)), needles), [])
    }
    // A search that finds nothing where there is something would mean nothing.
    assert.deepEqual(found('a key file', await readFile(SERVER_TLS_KEY_PATH), needles), [
      'the TLS key in a key file',
    ])
  })
}
