import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { Type } from '@sinclair/typebox'
import { type Environment, readSettings } from '../../src/config/read-settings.ts'

const Schema = Type.Object({
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 3000 }),
  RATIO: Type.Optional(Type.Number({ minimum: 0 })),
  VERBOSE: Type.Optional(Type.Boolean()),
  LEVEL: Type.Union([Type.Literal('info'), Type.Literal('debug')], { default: 'info' }),
  HOST: Type.String({ allowed: 'a host' }),
  PIN: Type.Optional(Type.String({ secret: true, pattern: '^\\d{4}$', allowed: '4 digits' })),
})

const read = (environment: Environment, files: Readonly<Record<string, string>> = {}) =>
  readSettings(
    Schema,
    { HOST: 'h', ...environment },
    {
      readFile(path) {
        const text = files[path]
        if (text === undefined) throw Object.assign(new Error('secret path'), { code: 'ENOENT' })
        return text
      },
    },
  )

const problemOf = (environment: Environment, files?: Readonly<Record<string, string>>): string => {
  const { problems } = read(environment, files)
  assert.equal(problems.length, 1, problems.join('\n'))
  return problems[0] as string
}

test('texts become the values of their types, and defaults fill in what is not set', () => {
  const { found, problems } = read({ PORT: '80', RATIO: '0.5', VERBOSE: 'true', LEVEL: 'debug' })
  assert.deepEqual(problems, [])
  assert.deepEqual({ ...found }, { PORT: 80, RATIO: 0.5, VERBOSE: true, LEVEL: 'debug', HOST: 'h' })
  assert.deepEqual({ ...read({}).found }, { PORT: 3000, LEVEL: 'info', HOST: 'h' })
  assert.equal(read({ VERBOSE: 'false' }).found.VERBOSE, false)
})

test('a refusal names the variable, what was found and what is allowed', () => {
  const allowedPort = 'it must be a whole number from 0 to 65535'
  for (const text of ['80a', '-1', '65536', '1.5', ' 80', '0x10', '1e3', '٣']) {
    assert.equal(problemOf({ PORT: text }), `PORT is ${JSON.stringify(text)}: ${allowedPort}`)
  }
  assert.equal(problemOf({ RATIO: '-0.1' }), 'RATIO is "-0.1": it must be a number of at least 0')
  assert.equal(problemOf({ VERBOSE: 'yes' }), 'VERBOSE is "yes": it must be true or false')
  assert.equal(problemOf({ LEVEL: 'INFO' }), 'LEVEL is "INFO": it must be one of info, debug')
})

test('a value that goes on for ever, or over several lines, makes one short line', () => {
  const problem = problemOf({ LEVEL: `a\n${'b'.repeat(10_000)}` })
  assert.ok(problem.length < 200, problem)
  assert.ok(!problem.includes('\n'))
})

test('a missing variable that is required is named, and a secret in both its forms', () => {
  assert.deepEqual(readSettings(Schema, {}).problems, ['HOST is missing: it must be a host'])
  const Secret = Type.Object({ PIN: Type.String({ secret: true, allowed: '4 digits' }) })
  assert.deepEqual(readSettings(Secret, {}).problems, ['PIN (or PIN_FILE) is missing: it must be 4 digits'])
})

test('an empty value is refused, also where the variable may be left out', () => {
  assert.equal(problemOf({ HOST: '' }), 'HOST is empty: it must be a host, or not be set at all')
  assert.equal(problemOf({ PIN: '' }), 'PIN is empty: it must be 4 digits, or not be set at all')
  assert.match(problemOf({ PIN_FILE: '' }), /^PIN_FILE is empty: it must be the path of a file/)
})

test('a secret comes from its file without the last line end, and only the last', () => {
  assert.equal(read({ PIN_FILE: '/pin' }, { '/pin': '1234\n' }).found.PIN, '1234')
  assert.equal(read({ PIN_FILE: '/pin' }, { '/pin': '1234\r\n' }).found.PIN, '1234')
  assert.equal(read({ PIN_FILE: '/pin' }, { '/pin': '1234' }).found.PIN, '1234')
  assert.match(problemOf({ PIN_FILE: '/pin' }, { '/pin': '1234\n\n' }), /^PIN is a value/)
})

test('a secret in both its forms, a file that is not there and an empty one are refused', () => {
  assert.equal(
    problemOf({ PIN: '1234', PIN_FILE: '/pin' }, { '/pin': '1234' }),
    'PIN and PIN_FILE are both set: give one of them',
  )
  assert.equal(problemOf({ PIN_FILE: '/none' }), `PIN_FILE is "/none", which can't be read (ENOENT)`)
  assert.equal(problemOf({ PIN_FILE: '/pin' }, { '/pin': '\n' }), 'PIN_FILE is "/pin", which is empty')
})

test('what is no secret does not come from a file', () => {
  assert.equal(read({ LEVEL_FILE: '/level' }, { '/level': 'debug' }).found.LEVEL, 'info')
})

test('the value of a secret is in no refusal', () => {
  for (const environment of [{ PIN: 'hunter2' }, { PIN_FILE: '/pin' }]) {
    const problem = problemOf(environment, { '/pin': 'hunter2' })
    assert.ok(!problem.includes('hunter2'), problem)
    assert.match(problem, /^PIN is a value that is not allowed \(not shown\): it must be 4 digits$/)
  }
})

test('everything that is wrong is said at once', () => {
  const { problems } = read({ PORT: 'x', LEVEL: 'y', HOST: '', PIN: 'z' })
  assert.deepEqual(
    problems.map((line) => line.split(' ', 1)[0]),
    ['PORT', 'LEVEL', 'HOST', 'PIN'],
  )
})

test('neither JSON nor inspect shows a secret, and the value is there for whoever uses it', () => {
  const { found } = read({ PIN: '1234' })
  for (const text of [JSON.stringify(found), inspect(found), inspect({ found }, { depth: 5 })]) {
    assert.ok(!text.includes('1234'), text)
    assert.match(text, /redacted/)
  }
  assert.equal(found.PIN, '1234')
  assert.deepEqual(Object.getOwnPropertyNames(found), ['PORT', 'LEVEL', 'HOST', 'PIN'])
})
