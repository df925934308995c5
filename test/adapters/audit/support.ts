import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AuditSink } from '../../../src/adapters/audit/audit-sink.ts'
import { type AuditLogOptions, openFileAuditLog } from '../../../src/adapters/audit/file-audit-log.ts'
import { type VerifiedLog, verifyLog } from '../../../src/adapters/audit/verify/verify-log.ts'
import type { AuditLogPort } from '../../../src/ports/audit-log.port.ts'
import type { AuditHead, AuditHeadRepository } from '../../../src/ports/key-repository.port.ts'
import { keepingLogger, type LoggedLine } from '../../support/logger.ts'

export const { privateKey: KEY, publicKey: PUBLIC_KEY } = generateKeyPairSync('ed25519')

/** Long enough for a disk that others use too. */
export const PATIENCE_MS = 20_000

export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'cofre-audit-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export { entryOf } from './entries.ts'

/** Heads that a test can look into, and whose store can fail. */
export const keepingHeads = () => {
  const saved = new Map<string, AuditHead>()
  const state = { failing: false }
  const heads: AuditHeadRepository = {
    async saveAuditHead(head) {
      if (state.failing) throw new Error('the store does not answer')
      saved.set(head.instance, head)
    },
    listAuditHeads: async () => [...saved.values()],
  }
  return { heads, saved, state }
}

export interface OpenedLog {
  readonly log: AuditLogPort
  readonly path: string
  readonly lines: readonly LoggedLine[]
  readonly heads: ReturnType<typeof keepingHeads>
}

export const openLog = async (
  t: TestContext,
  {
    path,
    heads = keepingHeads(),
    ...options
  }: Partial<Omit<AuditLogOptions, 'heads'>> & {
    readonly heads?: ReturnType<typeof keepingHeads>
  } = {},
): Promise<OpenedLog> => {
  const file = path ?? join(await temporaryFolder(t), 'audit.jsonl')
  const { logger, lines } = keepingLogger()
  const log = await openFileAuditLog({
    path: file,
    key: KEY,
    instance: 'instance-1',
    logger,
    heads: heads.heads,
    deadlineMs: PATIENCE_MS,
    ...options,
  })
  t.after(() => log.close())
  return { log, path: file, lines, heads }
}

export const verifyFiles = (...files: readonly string[]): Promise<VerifiedLog> =>
  verifyLog(files, { publicKey: PUBLIC_KEY })

export const readRecords = async (path: string): Promise<readonly Record<string, unknown>[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

export const kindsOf = async (path: string): Promise<readonly unknown[]> =>
  (await readRecords(path)).map(({ kind }) => kind)

export { readFile, writeFile }

/** A sink that can be made to fail, or to keep everybody waiting. */
export const moodySink = () => {
  const mood: { failure: Error | undefined; stuck: PromiseWithResolvers<void> | undefined } = {
    failure: undefined,
    stuck: undefined,
  }
  const wrapSink = (inner: AuditSink): AuditSink => ({
    get size() {
      return inner.size
    },
    async append(bytes) {
      await mood.stuck?.promise
      if (mood.failure !== undefined) throw mood.failure
      await inner.append(bytes)
    },
    rotate: (last) => inner.rotate(last),
    close: () => inner.close(),
  })
  return { mood, wrapSink }
}
