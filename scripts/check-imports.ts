/**
 * Checks the import rules of .dependency-cruiser.cjs. The tool's parser stumbles over `using`, so it reads a copy
 * of the sources in which `using` is `const`: for what is imported that makes no difference.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CRUISE = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
const USING = /\b(?:await )?using (?=\w+ =)/g

export interface ImportCheck {
  readonly ok: boolean
  /** What the tool printed. */
  readonly report: string
}

/** @param planted files to put into the copy, by path */
export const checkImports = (planted: Readonly<Record<string, string>> = {}): ImportCheck => {
  const copy = mkdtempSync(join(tmpdir(), 'cofre-imports-'))
  try {
    for (const name of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
      cpSync(join(ROOT, name), join(copy, name), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    for (const [path, text] of Object.entries(planted)) writeFileSync(join(copy, path), text)
    for (const path of globSync('src/**/*.ts', { cwd: copy })) {
      const file = join(copy, path)
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(USING, 'const '))
    }
    const argv = [CRUISE, '--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src']
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: copy, encoding: 'utf8' })
    return { ok: status === 0, report: `${stdout}${stderr}`.trim() }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const { ok, report } = checkImports()
  console.log(report)
  process.exitCode = ok ? 0 : 1
}
