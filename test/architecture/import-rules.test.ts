import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkImports } from '../../scripts/check-imports.ts'

const planted = (path: string, text: string, rule: string): void => {
  const { ok, report } = checkImports({ [path]: text })
  assert.equal(ok, false, 'the violation was not seen')
  assert.match(report, new RegExp(`${rule}: ${path.replaceAll('.', '\\.')}`))
}

test('the sources keep the import rules, and the tool sees them', () => {
  const { ok, report } = checkImports()
  assert.equal(ok, true, report)
  const [, modules, dependencies] = /\((\d+) modules, (\d+) dependencies cruised\)/.exec(report) ?? []
  assert.ok(Number(modules) > 100, report)
  assert.ok(Number(dependencies) > 300, report)
})

test('a violation is seen in the domain, also one of types alone, and one behind `using`', () => {
  planted(
    'src/domain/planted.ts',
    "import type { FastifyInstance } from 'fastify'\nexport type App = FastifyInstance\n",
    'domain-imports',
  )
  planted(
    'src/domain/planted.ts',
    "import { readFileSync } from 'node:fs'\nexport const f = () => { using x = g(); return readFileSync(x) }\n",
    'domain-imports',
  )
})

test('a violation is seen in an adapter that reaches for another vendor', () => {
  planted(
    'src/adapters/hsm/memory/planted.ts',
    "export * from '../dinamo/provider.ts'\n",
    'adapters-hsm-memory-imports',
  )
})

test('nobody but the composition root may import the container', () => {
  planted('src/service/planted.ts', "import 'tsyringe'\n", 'tsyringe-is-reserved')
})

test('no command takes from the folder of another one', () => {
  planted('src/cli/policy/planted.ts', "export * from '../audit/printable.ts'\n", 'cli/audit-is-reserved')
})

test('a dynamic import is an import', () => {
  planted('src/http/planted.ts', "export const f = () => import('mongodb')\n", 'http-imports')
})
