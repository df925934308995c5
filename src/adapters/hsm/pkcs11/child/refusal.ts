import type { Refusal } from '../channel/messages.ts'

/** A refusal with a reason that the parent must know. */
export class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Refused'
    this.refusal = refusal
  }
}

/** The name of a token's error, as CKR_PIN_INCORRECT; empty for what is none. */
export const codeOf = (error: unknown): string => {
  const { name, message } = error as Error
  return name === 'Pkcs11Error' ? message : ''
}

export const isOneOf = (error: unknown, codes: ReadonlySet<string>): boolean => codes.has(codeOf(error))

/** @param functionName as C_Login, for the text */
export const tagged = (functionName: string, error: unknown): Error => {
  const code = codeOf(error)
  if (code === '') return error instanceof Error ? error : new Error(String(error))
  return Object.assign(new Error(code, { cause: error }), { name: 'Pkcs11Error', method: functionName })
}

/** @returns what is sent to the parent: names of errors and functions, never a value */
export const refusalOf = (error: unknown): { readonly refusal: Refusal; readonly message: string } => {
  if (error instanceof Refused) return { refusal: error.refusal, message: error.message }
  const code = codeOf(error)
  const { method = '' } = error as { readonly method?: string }
  if (code !== '') return { refusal: 'fault', message: method === '' ? code : `${method}: ${code}` }
  return { refusal: 'fault', message: error instanceof Error ? error.message : 'an unknown error' }
}
