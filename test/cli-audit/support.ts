import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { auditCommand } from '../../src/cli/audit/audit.ts'
import type { AuditContext } from '../../src/cli/audit/context.ts'
import { explain } from '../../src/cli/run.ts'
import type { AuditHead } from '../../src/ports/key-repository.port.ts'

export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

type Io = Omit<AuditContext, 'args'>

/** `cofre audit ARGS`. @returns the exit code */
export const runAudit = async (args: readonly string[], io: Io): Promise<number> => {
  try {
    return await auditCommand({ ...io, args })
  } catch (error) {
    return explain('audit', error, io.complain)
  }
}

/** Everything that a command sees, and what it said. */
export const keepingIo = (
  environment: Io['environment'] = {},
  heads: readonly AuditHead[] = [],
  stopped: Promise<void> = new Promise(() => undefined),
) => {
  const said = { printed: '', complaints: '', opened: [] as string[], closed: 0 }
  const io: Io = {
    environment,
    print(text) {
      said.printed += text
    },
    complain(line) {
      said.complaints += `${line}\n`
    },
    onReload() {},
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
