/**
 * Writes the documents that follow from the sources, or, with --check, says which of them do not.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { policyJsonSchema } from '../src/adapters/policy/policy-schema.ts'
import { configurationDocument } from './generate-configuration.ts'
import { errorsDocument } from './generate-errors.ts'
import { openApiDocument } from './generate-openapi.ts'

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const DOCUMENTS: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/configuration.md': configurationDocument,
  'docs/errors.md': errorsDocument,
  'docs/openapi.json': () => json(openApiDocument()),
  'docs/policy.schema.json': () => json(policyJsonSchema()),
}

const urlOf = (path: string): URL => new URL(`../${path}`, import.meta.url)

const read = (path: string): string | undefined => {
  try {
    return readFileSync(urlOf(path), 'utf8')
  } catch {
    return undefined
  }
}

const isCheck = process.argv.includes('--check')
for (const [path, generate] of Object.entries(DOCUMENTS)) {
  const text = await generate()
  if (read(path) === text) continue
  if (isCheck) {
    console.error(`${path} does not follow from the sources: npm run docs writes it`)
    process.exitCode = 1
  } else {
    writeFileSync(urlOf(path), text)
    console.log(`wrote ${path}`)
  }
}
