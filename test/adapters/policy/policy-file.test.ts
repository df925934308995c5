import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PolicyError, parsePolicy } from '../../../src/adapters/policy/parse-policy.ts'
import { watchPolicyFile } from '../../../src/adapters/policy/policy-file.ts'
import { policyJsonSchema } from '../../../src/adapters/policy/policy-schema.ts'
import { keepingLogger } from '../../support/logger.ts'

const FINGERPRINT = 'ab'.repeat(32)
const CERTIFICATE = { fingerprint: FINGERPRINT, subject: 'CN=x' }
const policyText = (name: string, changes: object = {}): string =>
  JSON.stringify({
    clients: [{ name, fingerprints: [FINGERPRINT], operations: ['getPrivateKey'], ...changes }],
  })

const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-policy-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const watch = async (t: TestContext, path: string, pollMs = 5) => {
  const { logger, lines } = keepingLogger()
  const watched = await watchPolicyFile({ path, logger, pollMs })
  t.after(() => watched.close())
  const ownerBecomes = async (owner: string): Promise<void> => {
    while (watched.callerFor(CERTIFICATE).owner !== owner) await sleep(2)
  }
  return { watched, lines, ownerBecomes }
}

suite('the policy file', () => {
  test('is followed when it is written in place, replaced, or behind a link that moves', async (t) => {
    const folder = await temporaryFolder(t)
    const path = join(folder, 'policy.json')
    await writeFile(path, policyText('first'))
    const { ownerBecomes } = await watch(t, path)
    await ownerBecomes('first')
    await writeFile(path, policyText('again'))
    await ownerBecomes('again')
    await writeFile(`${path}.new`, policyText('moved'))
    await rename(`${path}.new`, path)
    await ownerBecomes('moved')

    // As Kubernetes mounts a ConfigMap: the file is a link through a link to a folder that is exchanged.
    await mkdir(join(folder, 'v1'))
    await mkdir(join(folder, 'v2'))
    await writeFile(join(folder, 'v1', 'p.json'), policyText('v1'))
    await writeFile(join(folder, 'v2', 'p.json'), policyText('v2'))
    await symlink('v1', join(folder, 'data'))
    await symlink(join('data', 'p.json'), join(folder, 'p.json'))
    const linked = await watch(t, join(folder, 'p.json'))
    await linked.ownerBecomes('v1')
    await symlink('v2', join(folder, 'data.new'))
    await rename(join(folder, 'data.new'), join(folder, 'data'))
    await linked.ownerBecomes('v2')
  })

  test('that is broken or gone keeps the rules before, and says so once', async (t) => {
    const path = join(await temporaryFolder(t), 'policy.json')
    await writeFile(path, policyText('good'))
    const { watched, lines } = await watch(t, path, 60_000)
    const errors = () => lines.filter(({ level }) => level === 'error').length
    const changes = [
      () => writeFile(path, policyText('half').slice(0, -1)),
      () => writeFile(path, policyText('unknown', { operations: ['everything'] })),
      () => rm(path),
    ]
    for (const [at, change] of changes.entries()) {
      await change()
      await watched.reload()
      await watched.reload()
      assert.equal(watched.callerFor(CERTIFICATE).owner, 'good')
      assert.equal(errors(), at + 1)
    }
    await writeFile(path, policyText('good'))
    await watched.reload()
    await writeFile(path, policyText('better'))
    await watched.reload()
    assert.equal(watched.callerFor(CERTIFICATE).owner, 'better')
    assert.equal(errors(), changes.length)
  })

  test('stops a start where it is broken or missing, naming the variable', async (t) => {
    const path = join(await temporaryFolder(t), 'policy.json')
    const refused = { code: 'start_refused', message: /^POLICY_FILE: / }
    await assert.rejects(watch(t, path), refused)
    await writeFile(path, '{"clients":[{"name":"a"}]}')
    await assert.rejects(watch(t, path), refused)
  })
})

suite("a policy's text", () => {
  const problemsOf = (text: string): readonly string[] => {
    try {
      parsePolicy(text)
      return []
    } catch (error) {
      assert.ok(error instanceof PolicyError)
      return error.problems
    }
  }

  test('may have all that the schema names', () => {
    const text = policyText('a', {
      subjects: ['CN=a'],
      sans: ['DNS:a', 'IP Address:10.0.0.1'],
      sources: ['user'],
      coins: ['tbtc'],
      types: ['tss', 'independent'],
    })
    assert.deepEqual(problemsOf(text), [])
    assert.deepEqual(problemsOf('{"$schema":"policy.schema.json","clients":[]}'), [])
  })

  test('is refused with the place of every mistake', () => {
    const wrong: readonly [string, RegExp][] = [
      ['', /not JSON/],
      ['[]', /the policy/],
      ['{}', /clients/],
      ['{"clients":[],"rules":[]}', /rules/],
      [policyText('a', { operation: ['getPrivateKey'] }), /clients\[0\]\.operation/],
      [policyText('a', { operations: ['readEverything'] }), /clients\[0\]\.operations\[0\].*getPrivateKey/],
      [policyText('a', { operations: [] }), /operations/],
      [policyText('a', { sources: ['bitgo'] }), /sources\[0\].*user, backup/],
      [policyText('a', { coins: [] }), /coins/],
      [policyText('a', { fingerprints: ['abc'] }), /fingerprints\[0\]/],
      [policyText('a', { sans: ['a.example'] }), /sans\[0\]/],
      [policyText('a b'), /clients\[0\]\.name/],
      [policyText('a', { sharesDataKeysWith: ['b'] }), /which is no client/],
    ]
    for (const [text, expected] of wrong) assert.match(problemsOf(text).join('\n'), expected, text)
  })

  test('has the schema that is published', async () => {
    const published = await readFile(new URL('../../../docs/policy.schema.json', import.meta.url), 'utf8')
    assert.deepEqual(policyJsonSchema(), JSON.parse(published))
  })
})
