import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AuditIo } from '../../src/cli/audit/io.ts'
import type { AuditHead } from '../../src/ports/key-repository.port.ts'

export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Everything that a command sees, and what it said. */
export const keepingIo = (
  environment: AuditIo['environment'] = {},
  heads: readonly AuditHead[] = [],
  stopped: Promise<void> = new Promise(() => undefined),
) => {
  const said = { printed: '', complaints: '', opened: [] as string[], closed: 0 }
  const io: AuditIo = {
    environment,
    print(text) {
      said.printed += text
    },
    complain(line) {
      said.complaints += `${line}\n`
    },
    stopped,
    async openHeads(url) {
      said.opened.push(url)
      return {
        listAuditHeads: async () => heads,
        async close() {
          said.closed++
        },
      }
    },
  }
  return { io, said }
}
