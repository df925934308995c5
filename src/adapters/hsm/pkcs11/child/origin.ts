import { type Cryptoki, type Handle, readAttributes } from './cryptoki.ts'
import { isOneOf } from './refusal.ts'

interface Trait {
  readonly name:
    | 'CKA_EXTRACTABLE'
    | 'CKA_LOCAL'
    | 'CKA_SENSITIVE'
    | 'CKA_ALWAYS_SENSITIVE'
    | 'CKA_NEVER_EXTRACTABLE'
    | 'CKA_DECRYPT'
    | 'CKA_SIGN'
    | 'CKA_SIGN_RECOVER'
    | 'CKA_UNWRAP'
  readonly isRight: (value: boolean | undefined) => boolean
  readonly flaw: string
}

const isTrue = (value: boolean | undefined): boolean => value === true
const isFalse = (value: boolean | undefined): boolean => value === false
/** A token that does not know the use does not offer it. */
const isNotTrue = (value: boolean | undefined): boolean => value !== true

/** What only a token sets, and nobody can give an object: local, always sensitive, never extractable. */
const TRAITS: readonly Trait[] = [
  { name: 'CKA_EXTRACTABLE', isRight: isFalse, flaw: 'it can be exported' },
  { name: 'CKA_LOCAL', isRight: isTrue, flaw: 'it was not made in the token' },
  { name: 'CKA_SENSITIVE', isRight: isTrue, flaw: 'it can be read' },
  { name: 'CKA_ALWAYS_SENSITIVE', isRight: isTrue, flaw: 'it could be read at some time' },
  { name: 'CKA_NEVER_EXTRACTABLE', isRight: isTrue, flaw: 'it could be exported at some time' },
  { name: 'CKA_DECRYPT', isRight: isTrue, flaw: 'it does not decrypt' },
  { name: 'CKA_SIGN', isRight: isNotTrue, flaw: 'it signs' },
  { name: 'CKA_SIGN_RECOVER', isRight: isNotTrue, flaw: 'it signs' },
  { name: 'CKA_UNWRAP', isRight: isNotTrue, flaw: 'it unwraps keys' },
]

const NOT_GIVEN = new Set(['CKR_ATTRIBUTE_TYPE_INVALID', 'CKR_ATTRIBUTE_SENSITIVE'])

/** One by one: a token that does not know one attribute may refuse all that are asked for with it. */
const readFlag = (cryptoki: Cryptoki, session: Handle, object: Handle, type: number): boolean | undefined => {
  try {
    const [value] = readAttributes(cryptoki, session, object, [type])
    return value === undefined || value.length === 0 ? undefined : value.some((byte) => byte !== 0)
  } catch (error) {
    if (isOneOf(error, NOT_GIVEN)) return undefined
    throw error
  }
}

/** @returns why the private half is not one that `makePair` made; undefined if it is */
export const originFlaw = (cryptoki: Cryptoki, session: Handle, privateKey: Handle): string | undefined => {
  const wrong = TRAITS.find(
    ({ name, isRight }) => !isRight(readFlag(cryptoki, session, privateKey, cryptoki.ck[name])),
  )
  return wrong && `${wrong.flaw} (${wrong.name})`
}
