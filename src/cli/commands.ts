import type { Command } from './command.ts'

interface Entry {
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** Every command, imported only when it is called. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  serve: {
    summary: 'production: everything from the environment',
    load: async () => (await import('./serve.ts')).serve,
  },
  init: {
    summary: 'once for each store: its root key and its anchor (init help)',
    load: async () => (await import('./init/init.ts')).init,
  },
  dev: {
    summary: 'development: simulated HSM and SQLite, nothing to configure',
    load: async () => (await import('./dev.ts')).dev,
  },
  simulator: {
    summary: 'the Dinamo HSM simulator alone (--help for its options)',
    load: async () => (await import('./simulator.ts')).simulator,
  },
  audit: {
    summary: 'the audit log: make its key, verify it, read it (audit help)',
    load: async () => {
      const [{ auditCommand }, { openHeads }] = await Promise.all([
        import('./audit/audit.ts'),
        import('../service/open-repository.ts'),
      ])
      return (context) => auditCommand({ ...context, openHeads })
    },
  },
  policy: {
    summary: 'who may do what: check a file, explain a decision (policy help)',
    load: async () => (await import('./policy/policy.ts')).policyCommand,
  },
  version: {
    summary: 'the version',
    load: async () => (await import('./version.ts')).version,
  },
}
