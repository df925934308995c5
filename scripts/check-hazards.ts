/**
 * Compares the list of the SDK's hazards with the tests and the document that answer them, and checks the rule that
 * the document relies on: one file alone loads the SDK. Exits with 1 where they differ.
 */
import { globSync, readFileSync } from 'node:fs'

const LIST = 'test/hsm-hazards.json'
const DOCUMENT = 'docs/hsm-hazards.md'
const SDK_LOADER = 'src/adapters/hsm/dinamo/session/sdk.ts'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const filesIn = (pattern: string): readonly string[] =>
  globSync(pattern, { cwd: new URL('..', import.meta.url) })

const matchesIn = (text: string, pattern: RegExp): readonly string[] =>
  Array.from(text.matchAll(pattern), ([, name = '']) => name)

const listed = JSON.parse(read(LIST)) as readonly string[]
const tested = filesIn('test/hazards/*.test.ts').flatMap((path) =>
  matchesIn(read(path), /\btest\('([^']+)'/g),
)
const explained = matchesIn(read(DOCUMENT), /^\| `([^`]+)` \|/gm)
const answered = [...tested, ...explained]

const duplicates = (names: readonly string[]): readonly string[] =>
  names.filter((name, index) => names.indexOf(name) !== index)

const problems = [
  ...duplicates(listed).map((name) => `${LIST} has ${name} twice`),
  ...duplicates(answered).map((name) => `${name} has two tests or entries`),
  ...listed.filter((name) => !answered.includes(name)).map((name) => `${name} has no test and no entry`),
  ...answered.filter((name) => !listed.includes(name)).map((name) => `${name} is not in ${LIST}`),
  ...filesIn('src/**/*.ts')
    .filter((path) => path !== SDK_LOADER && /['"]@dinamonetworks\//.test(read(path)))
    .map((path) => `${path} loads the SDK, which only ${SDK_LOADER} may`),
]

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else console.log(`${listed.length} hazards: ${tested.length} with a test, ${explained.length} with a rule`)
