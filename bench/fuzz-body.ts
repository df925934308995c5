/**
 * Reads bodies of random bytes and of JSON that was changed at random, for as long as it is told, and compares
 * with JSON.parse: `node bench/fuzz-body.ts [seconds]`. It ends at the first difference and prints the body.
 */
import { isUtf8 } from 'node:buffer'
import { randomBytes, randomInt } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { KmsError } from '../src/domain/errors.ts'
import { readMembers } from '../src/http/body/read-members.ts'
import { HttpError } from '../src/http/errors/http-error.ts'
import { parseJson } from '../test/http/support/json-oracle.ts'

const FIELDS = ['pub', 'prv', 'source', 'coin', 'type']
const SECRETS = new Set(['prv'])
const SEEDS = [
  '{"pub":"xpub","prv":"xprv","source":"user","coin":"tbtc","type":"independent"}',
  '{ "pr\\u0076" : "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00é😀" , "pub" : [ 1 , -0.5e+10 , true , null ] }',
  '{"prv":"a","prv":{"b":[[],{}]},"__proto__":{"x":1},"pub":"\\ud800","x":"\\udc00"}',
  `{"x":${'['.repeat(60)}${']'.repeat(60)},"prv":""}`,
].map((text) => Buffer.from(text))
const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  '\\',
  '\\u',
  '\\ud83d',
  '\\ude00',
  'true',
  'nul',
  '-',
  '0',
  '1e9',
  '.',
  ' ',
  '\n',
  '\0',
  '\x7f',
  '"prv":',
  '"pub":',
]

const pick = <T>(values: readonly T[]): T => values[randomInt(values.length)] as T

const mutate = (body: Buffer): Buffer => {
  const at = randomInt(body.length + 1)
  const piece = pick([
    randomBytes(randomInt(4)),
    Buffer.from(pick(TOKENS)),
    body.subarray(randomInt(body.length + 1)),
  ])
  return Buffer.concat([body.subarray(0, at), piece, body.subarray(at + randomInt(4))]).subarray(0, 4_096)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const depthOf = (value: unknown): number =>
  typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf))

/** What the body must give, or the code of the error that it must have. */
const expected = (body: Buffer): Record<string, unknown> | 'malformed_json' | 'validation_failed' => {
  let parsed: unknown
  try {
    parsed = parseJson(body.toString('utf8'))
  } catch {
    return 'malformed_json'
  }
  if (!isObject(parsed) || depthOf(parsed) > 64) return 'malformed_json'
  const fields = FIELDS.filter((field) => Object.hasOwn(parsed, field))
  const values = Object.fromEntries(fields.map((field) => [field, parsed[field]]))
  for (const value of Object.values(values)) {
    if (typeof value === 'string' && !value.isWellFormed()) return 'validation_failed'
  }
  if (values.prv !== undefined && typeof values.prv !== 'string') values.prv = null
  return values
}

const actual = (body: Buffer): Record<string, unknown> | string => {
  try {
    const { values, secrets } = readMembers(body, FIELDS, SECRETS)
    for (const [field, secret] of secrets) values[field] = secret.bytes.toString('utf8')
    return values
  } catch (error) {
    if (error instanceof HttpError || error instanceof KmsError) return error.code
    throw error
  }
}

const until = performance.now() + 1_000 * Number(process.argv[2] ?? 10)
let bodies = 0
let accepted = 0
const corpus: Buffer[] = [...SEEDS]
while (performance.now() < until) {
  const body = mutate(pick(corpus))
  const got = actual(Buffer.from(body))
  const agrees = isUtf8(body)
    ? isDeepStrictEqual(got, expected(body))
    : got === 'malformed_json' || got === 'validation_failed'
  if (!agrees) {
    console.error(`differs: ${JSON.stringify(got)}\n${body.toString('base64')}\n${body.toString('latin1')}`)
    process.exit(1)
  }
  bodies += 1
  if (typeof got === 'object') {
    accepted += 1
    corpus[corpus.length < 500 ? corpus.length : 4 + randomInt(496)] = body
  }
}
console.log(`${bodies} bodies, ${accepted} of them accepted; no difference`)
