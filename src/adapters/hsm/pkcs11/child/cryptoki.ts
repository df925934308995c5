import { createRequire } from 'node:module'
import { Refused, tagged } from './refusal.ts'

/** The package's constants and its class; the package is imported in this process alone. */
export type Constants = typeof import('pkcs11js')
type Library = InstanceType<Constants['PKCS11']>

/** Handles are a CK_ULONG each, in the order of bytes and of the length that it has on this machine. */
export type Handle = Buffer

export type Attributes = readonly {
  readonly type: number
  readonly value?: number | boolean | string | Buffer
}[]

export interface Cryptoki {
  readonly ck: Constants
  readonly library: Library
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n', 1)[0] ?? ''

/**
 * Loads package and library.
 *
 * @throws Refused `package` or `library`
 */
export const loadCryptoki = (path: string): Cryptoki => {
  let ck: Constants
  try {
    ck = createRequire(import.meta.url)('pkcs11js') as Constants
  } catch (error) {
    throw new Refused('package', firstLine(error), error)
  }
  const library = new ck.PKCS11()
  try {
    library.load(path)
  } catch (error) {
    throw new Refused('library', firstLine(error), error)
  }
  return { ck, library }
}

/** A call, whose error names the function. */
export const call = <T>(functionName: string, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    throw tagged(functionName, error)
  }
}

/** The values of attributes, in order; undefined where the token gives none. */
export const readAttributes = (
  { library }: Cryptoki,
  session: Handle,
  object: Handle,
  types: readonly number[],
): readonly (Buffer | undefined)[] =>
  call('C_GetAttributeValue', () =>
    library.C_GetAttributeValue(
      session,
      object,
      types.map((type) => ({ type })),
    ),
  ).map(({ value }) => value as Buffer | undefined)

/** At most `limit` objects that match. */
export const findObjects = (
  { library }: Cryptoki,
  session: Handle,
  template: Attributes,
  limit: number,
): readonly Handle[] =>
  call('C_FindObjects', () => {
    library.C_FindObjectsInit(session, [...template])
    try {
      const found: Handle[] = []
      while (found.length < limit) {
        const some = library.C_FindObjects(session, limit - found.length)
        if (some.length === 0) break
        found.push(...some)
      }
      return found
    } finally {
      library.C_FindObjectsFinal(session)
    }
  })
