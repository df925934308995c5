import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Type } from '@sinclair/typebox'
import { fileModeProblems } from '../../src/config/file-modes.ts'

const SCHEMA = Type.Object({ HSM_PIN: Type.String({ secret: true }), HSM_HOST: Type.String() })
const skip = process.platform === 'win32' ? 'Windows has no modes' : false

const folderOf = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-modes-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const fileOf = async (folder: string, name: string, mode: number): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, 'x')
  await chmod(path, mode)
  return path
}

test('a secret that others may read or write is refused, naming variable, file and mode', {
  skip,
}, async (t) => {
  const folder = await folderOf(t)
  for (const mode of [0o644, 0o604, 0o602, 0o601, 0o620, 0o660]) {
    const path = await fileOf(folder, 'secret', mode)
    const begin = `${path} holds a secret and has mode 0${mode.toString(8)}: others may read or write it`
    const [fromFile, ...more] = fileModeProblems({ HSM_PIN_FILE: path, HSM_HOST_FILE: path }, {}, [SCHEMA])
    assert.equal(fromFile?.startsWith(`HSM_PIN_FILE: ${begin}`), true, fromFile ?? 'no problem')
    assert.deepEqual(more, [])
    const [key] = fileModeProblems({}, { SERVER_TLS_KEY_PATH: path }, [])
    assert.equal(key?.startsWith(`SERVER_TLS_KEY_PATH: ${begin}`), true, key ?? 'no problem')
  }
})

test('a secret of the owner alone, or of a group of this process, is taken', { skip }, async (t) => {
  const folder = await folderOf(t)
  for (const mode of [0o600, 0o400, 0o440, 0o640]) {
    const path = await fileOf(folder, 'secret', mode)
    assert.deepEqual(fileModeProblems({ HSM_PIN_FILE: path }, { SERVER_TLS_KEY_PATH: path }, [SCHEMA]), [])
  }
})

for (const name of [
  'POLICY_FILE',
  'SERVER_TLS_CERT_PATH',
  'CLIENT_CA_CERT_PATH',
  'MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE',
] as const) {
  test(`${name} that others may write is refused`, { skip }, async (t) => {
    const folder = await folderOf(t)
    for (const mode of [0o666, 0o664, 0o646]) {
      const path = await fileOf(folder, 'file', mode)
      assert.deepEqual(fileModeProblems({}, { [name]: path }, []), [
        `${name}: ${path} has mode 0${mode.toString(8)}: others than its owner may write it; chmod go-w`,
      ])
    }
    const path = await fileOf(folder, 'file', 0o644)
    assert.deepEqual(fileModeProblems({}, { [name]: path }, []), [])
  })
}

test('a folder of the audit log or of the store that others may write is refused, unless sticky', {
  skip,
}, async (t) => {
  const folder = join(await folderOf(t), 'log')
  await mkdir(folder)
  const found = {
    AUDIT_LOG: join(folder, 'audit.log'),
    DATABASE_URL: `sqlite:${join(folder, 'cofre.sqlite')}`,
  }
  for (const mode of [0o777, 0o775]) {
    await chmod(folder, mode)
    assert.deepEqual(
      fileModeProblems({}, found, []),
      ['AUDIT_LOG', 'DATABASE_URL'].map(
        (name) =>
          `${name}: ${folder} has mode 0${mode.toString(8)}: others than its owner may write it; chmod go-w`,
      ),
    )
  }
  for (const mode of [0o700, 0o755, 0o1777]) {
    await chmod(folder, mode)
    assert.deepEqual(fileModeProblems({}, found, []), [])
  }
})

test('what is not there is not told here', { skip }, () => {
  assert.deepEqual(fileModeProblems({ HSM_PIN_FILE: '/none' }, { POLICY_FILE: '/none' }, [SCHEMA]), [])
})
