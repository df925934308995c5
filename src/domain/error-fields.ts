import { OwnError } from './own-error.ts'

const MAX_TEXT = 500
const MAX_CAUSES = 5

interface ErrorFields {
  readonly name: string
  readonly code?: string
  readonly message?: string
  readonly stack?: readonly string[]
}

/** The frames alone: the head of a stack repeats the message. */
const frames = (stack: string | undefined): readonly string[] =>
  (stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim())

/**
 * Errors that an adapter wraps are told with their texts: it wrapped them on purpose. Nobody has judged the text
 * of an error that comes as a surprise, and Node's and JSON.parse's quote values: of those only name, code and
 * place are told.
 */
const describe = (error: unknown, expected: boolean): ErrorFields => {
  if (!(error instanceof Error)) return { name: typeof error }
  const { code } = error as { code?: unknown }
  const known = error instanceof OwnError
  const quotes = error instanceof SyntaxError
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...((expected || known) && !quotes ? { message: error.message.slice(0, MAX_TEXT) } : {}),
    ...(known ? {} : { stack: frames(error.stack) }),
  }
}

/** An error and its causes, for the log: bounded, and without a word that could be key material. */
export const errorFields = (error: unknown): readonly ErrorFields[] => {
  const chain: ErrorFields[] = []
  let expected = false
  for (let next = error; next !== undefined && chain.length < MAX_CAUSES; ) {
    chain.push(describe(next, expected))
    expected ||= next instanceof OwnError
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}
