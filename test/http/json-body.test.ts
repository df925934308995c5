import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_DEPTH } from '../../src/http/body/json-scanner.ts'
import { readMembers } from '../../src/http/body/read-members.ts'
import { HttpError } from '../../src/http/errors/http-error.ts'
import { parseJson } from './support/json-oracle.ts'
import { bodyText, type Pair, textOf } from './support/json-texts.ts'

const FIELDS = ['pub', 'prv', 'coin', 'a', '"', '\\', '😀', 'é'] as const
const SECRETS = new Set(['prv', 'a'])

/** What readMembers gave, with each secret text in its place again. */
const read = (body: string): Record<string, unknown> => {
  const { values, secrets } = readMembers(Buffer.from(body), FIELDS, SECRETS)
  for (const [field, secret] of secrets) {
    assert.equal(values[field], '')
    values[field] = secret.bytes.toString('utf8')
  }
  return values
}

/** What JSON.parse gives for the same members; a secret that is no text is told as null. */
const expected = (body: string): Record<string, unknown> => {
  const parsed = parseJson(body) as Record<string, unknown>
  return Object.fromEntries(
    FIELDS.filter((field) => Object.hasOwn(parsed, field)).map((field) => [
      field,
      SECRETS.has(field) && typeof parsed[field] !== 'string' ? null : parsed[field],
    ]),
  )
}

const refusal = (body: string | Buffer): unknown => {
  try {
    readMembers(Buffer.from(body), FIELDS, SECRETS)
    return undefined
  } catch (error) {
    return error
  }
}

test('any JSON object gives what JSON.parse gives, duplicates and escapes included', () => {
  fc.assert(
    fc.property(bodyText(FIELDS), (body) => {
      assert.deepEqual(read(body), expected(body))
    }),
    { numRuns: 3_000 },
  )
})

test('any text is a secret, in any of its spellings', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => value.isWellFormed())
  fc.assert(
    fc.property(
      text.chain((value) => fc.tuple(fc.constant(value), textOf(value))),
      ([value, spelling]) => {
        const body = `{"prv":${spelling}}`
        assert.equal(read(body).prv, value)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('what JSON.parse refuses is refused, and what it accepts is accepted: any bytes changed in any body', () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat({ max: 3 }),
    insert: fc.string({
      unit: fc.constantFrom(...Array.from('{}[]",:\\u0 \n\t\u0001-+.eE19truefalsn')),
      maxLength: 3,
    }),
  })
  fc.assert(
    fc.property(bodyText(FIELDS), change, (body, { at, remove, insert }) => {
      const from = Math.floor(at * body.length)
      const changed = body.slice(0, from) + insert + body.slice(from + remove)
      if (!changed.isWellFormed()) return
      const error = refusal(changed)
      let parsed: unknown
      try {
        parsed = parseJson(changed)
      } catch {
        assert.ok(error instanceof HttpError && error.code === 'malformed_json', changed)
        return
      }
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
        assert.ok(error instanceof HttpError && error.code === 'malformed_json')
      } else if (error === undefined) {
        assert.deepEqual(read(changed), expected(changed))
      } else {
        const lone = FIELDS.filter((field) => typeof (parsed as Record<string, unknown>)[field] === 'string')
        assert.ok(
          lone.some((field) => !String((parsed as Record<string, unknown>)[field]).isWellFormed()),
          `refused, but JSON.parse accepts it: ${changed}`,
        )
      }
    }),
    { numRuns: 5_000 },
  )
})

test('an error never quotes the body', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', minLength: 8, maxLength: 30 }), (secret) => {
      const error = refusal(`{"prv":"${secret}`)
      assert.ok(error instanceof HttpError)
      assert.ok(!`${error.message}${error.stack}${JSON.stringify(error)}`.includes(secret))
      assert.equal(error.cause, undefined)
    }),
  )
})

test('the last of duplicates wins, whatever came before', () => {
  assert.deepEqual(read('{"prv":"a","prv":"b"}'), { prv: 'b' })
  assert.deepEqual(read('{"prv":7,"pr\\u0076":"b"}'), { prv: 'b' })
  assert.deepEqual(read('{"\\u0070rv":"b","prv":{}}'), { prv: null })
  assert.deepEqual(read('{"prv":"\\ud800","prv":"b"}'), { prv: 'b' })
})

test('a name is not taken for another one that came before in its place', () => {
  for (const field of ['pr\\', 'prv']) {
    const { values } = readMembers(Buffer.from(`{"x":0,${JSON.stringify(field)}:1}`), [field], new Set())
    assert.deepEqual(values, { [field]: 1 })
  }
  assert.deepEqual(read('{"x":0,"pr\\u0076":"a"}'), { prv: 'a' })
})

test('a member of an inner object is not one of the body', () => {
  assert.deepEqual(read('{"x":{"prv":"a"},"y":[{"prv":"b"}]}'), {})
})

test('names that every object has are members like any other', () => {
  const names: readonly Pair[] = [
    ['__proto__', '1'],
    ['constructor', '{"prototype":{}}'],
    ['toString', 'null'],
  ]
  const body = `{${names.map(([name, value]) => `"${name}":${value}`).join(',')},"pub":"x"}`
  assert.deepEqual(read(body), { pub: 'x' })
})

test(`depth ends at ${MAX_DEPTH}, of arrays and of objects, in what is read and in what is not`, () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"x":', '}'],
  ] as const) {
    for (const field of ['pub', 'x', 'prv']) {
      const body = (levels: number) => `{"${field}":${open.repeat(levels)}0${close.repeat(levels)}}`
      assert.equal(refusal(body(MAX_DEPTH - 1)), undefined)
      assert.match(String(refusal(body(MAX_DEPTH))), /nested/)
    }
  }
})

test('the names in a body are compared by what they say', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...FIELDS).chain((field) => fc.tuple(fc.constant(field), textOf(field))),
      ([field, name]) => {
        assert.deepEqual(read(`{${name}:"v"}`), { [field]: 'v' })
      },
    ),
  )
})
