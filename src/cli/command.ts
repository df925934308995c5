/** The process as a command sees it: nothing else of it is touched. */
export interface CommandContext {
  /** What stands behind the command's name. */
  readonly args: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  /** Writes for a person: one text, with its line ends. */
  readonly print: (text: string) => void
  /** Writes one line where errors go. */
  readonly complain: (line: string) => void
  /** Calls it whenever the process is asked to look at its files again. */
  readonly onReload: (reload: () => void) => void
  /** Resolves when the process is asked to end. */
  readonly stopped: Promise<void>
}

/**
 * Resolves to the exit code when it is done.
 *
 * @throws KmsError or UsageError whose message says what is wrong
 */
export type Command = (context: CommandContext) => Promise<number>

/**
 * Of every command. It failed, or what it looked at is wrong; it was called wrongly; or it is configured wrongly, as
 * in sysexits.h: starting it again changes nothing.
 */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 2, configuration: 78 } as const

/** The command was called wrongly; the message says how. */
export class UsageError extends Error {}
