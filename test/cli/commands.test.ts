import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { runCofre } from './run-cofre.ts'

test('help lists every command, and calling nothing is calling wrongly', async () => {
  const help = await runCofre(['help'])
  assert.equal(help.code, 0)
  for (const name of ['serve', 'dev', 'simulator', 'audit', 'policy', 'version', 'help']) {
    assert.match(help.stdout, new RegExp(`^  cofre ${name} `, 'm'))
  }
  const nothing = await runCofre([])
  assert.equal(nothing.code, 2)
  assert.equal(nothing.stdout, help.stdout)
})

test('an unknown command, also one that every object has, is refused', async () => {
  for (const name of ['srve', 'constructor']) {
    const { code, stderr } = await runCofre([name])
    assert.equal(code, 2)
    assert.equal(stderr, `cofre: there is no command "${name}"; cofre help lists them\n`)
  }
})

test('the thread pool has room for more than the envelopes that are worked on at once', async () => {
  const tell = 'data:text/javascript,console.error(process.env.UV_THREADPOOL_SIZE)'
  const { stderr } = await runCofre(['version'], { NODE_OPTIONS: `--import ${tell}` })
  assert.ok(Number(stderr.trimEnd().split('\n').at(-1)) >= availableParallelism() + 1 + 4, stderr)
})

test('the version names the Node.js that runs it, which is new enough', async () => {
  const { code, stdout } = await runCofre(['--version'])
  assert.equal(code, 0)
  const [, major] = /^cofre \d+\.\d+\.\d+ on Node\.js v(\d+)\.\d+\.\d+\n$/.exec(stdout) ?? []
  assert.ok(Number(major) >= 24, stdout)
})

test('settings are variables: an argument is refused', async () => {
  for (const command of ['serve', 'dev', 'version']) {
    const { code, stderr } = await runCofre([command, '--port=1'])
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`^cofre ${command}: takes no arguments`))
  }
})
