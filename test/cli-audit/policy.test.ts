import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { run as runCommand } from '../../src/cli/run.ts'
import { keepingIo, temporaryFolder } from './support.ts'

const FINGERPRINT = 'ab'.repeat(32)
const POLICY = {
  clients: [
    {
      name: 'user-key-server',
      fingerprints: [FINGERPRINT],
      operations: ['storePrivateKey', 'getPrivateKey', 'decryptDataKey'],
      sources: ['user'],
      coins: ['tbtc', 'teth'],
    },
    {
      name: 'backup-key-server',
      subjects: ['CN=backup'],
      sans: ['DNS:backup.example'],
      operations: ['getPrivateKey'],
      sharesDataKeysWith: ['user-key-server'],
    },
  ],
}

const policyFile = async (t: TestContext, policy: unknown = POLICY): Promise<string> => {
  const file = join(await temporaryFolder(t), 'policy.json')
  await writeFile(file, JSON.stringify(policy))
  return file
}

const run = async (...argv: readonly string[]) => {
  const { io, said } = keepingIo()
  return { code: await runCommand({ ...io, argv: ['policy', ...argv] }), ...said }
}

suite('cofre policy check', () => {
  test('says that a policy is good, and what it rests on', async (t) => {
    const { code, printed } = await run('check', await policyFile(t))
    assert.equal(code, 0)
    assert.match(printed, /good: 2 clients/)
    assert.match(printed, /named by subject or SAN/)
  })

  test('says everything that is wrong', async (t) => {
    const [first] = POLICY.clients
    const twice = { clients: [first, { ...first, name: 'other', sharesDataKeysWith: ['nobody'] }] }
    const { code, complaints } = await run('check', await policyFile(t, twice))
    assert.equal(code, 1)
    assert.match(complaints, /user-key-server and other are both named/)
    assert.match(complaints, /nobody, which is no client/)
    assert.equal((await run('check', '/nowhere/policy.json')).code, 1)
    for (const argv of [[], ['check'], ['check', 'a', 'b'], ['change', 'a'], ['check', 'a', '--all']]) {
      assert.equal((await run(...argv)).code, 2, argv.join(' '))
    }
  })
})

suite('cofre policy explain', () => {
  const cases: readonly [options: string, code: number, expected: RegExp][] = [
    ['--client user-key-server --operation getPrivateKey --source user --coin tbtc', 0, /^allowed: .*\n$/],
    ['--client user-key-server --operation getPrivateKey', 0, /only for sources user\n.*coins tbtc, teth/],
    [
      '--client user-key-server --operation getPrivateKey --source backup',
      1,
      /refused: .* sources has no backup/,
    ],
    ['--client user-key-server --operation storePrivateKey --coin btc', 1, /coins has no btc/],
    ['--client user-key-server --operation generateDataKey', 1, /operations has no generateDataKey/],
    ['--client user-key-server --operation decryptDataKey', 0, /made for user-key-server, backup-key-server/],
    [`--client sha256:${FINGERPRINT.toUpperCase()} --operation decryptDataKey`, 0, /client user-key-server/],
    [
      '--client CN=backup --operation getPrivateKey --source backup --type tss',
      0,
      /client backup-key-server/,
    ],
    ['--client DNS:backup.example --operation getPrivateKey', 0, /client backup-key-server/],
    ['--client nobody --operation getPrivateKey', 1, /nobody is no client/],
    ['--client nobody --operation everything', 2, /^$/],
    ['--operation getPrivateKey', 2, /^$/],
    ['--client nobody --operation getPrivateKey --source bitgo', 2, /^$/],
  ]
  for (const [options, expectedCode, expected] of cases) {
    test(`answers ${options.replace(FINGERPRINT.toUpperCase(), 'FINGERPRINT')}`, async (t) => {
      const { code, printed } = await run('explain', await policyFile(t), ...options.split(' '))
      assert.match(printed, expected)
      assert.equal(code, expectedCode)
    })
  }
})
