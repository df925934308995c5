import { Kind, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/**
 * What a schema of this project may say about a setting beside its type.
 *
 * `secret`: its value is never shown, and it may come as `NAME_FILE`.
 * `allowed`: what may stand there, for people; otherwise it is worked out from the type.
 */
export interface SettingSchema extends TSchema {
  readonly secret?: boolean
  readonly allowed?: string
}

const WHOLE_NUMBER = /^-?\d{1,15}$/
const DECIMAL_NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/

const choices = ({ anyOf }: SettingSchema): readonly string[] =>
  (anyOf as readonly { readonly const: unknown }[]).map((choice) => String(choice.const))

const numberFrom = (text: string, shape: RegExp): number | undefined =>
  shape.test(text) ? Number(text) : undefined

const convert = (schema: SettingSchema, text: string): unknown => {
  switch (schema[Kind]) {
    case 'Integer':
      return numberFrom(text, WHOLE_NUMBER)
    case 'Number':
      return numberFrom(text, DECIMAL_NUMBER)
    case 'Boolean':
      return text === 'true' || (text === 'false' ? false : undefined)
    default:
      return text
  }
}

/** @returns the value that a variable's text stands for; undefined if the schema does not allow it */
export const parseSetting = (schema: SettingSchema, text: string): unknown => {
  const value = convert(schema, text)
  return value !== undefined && Value.Check(schema, value) ? value : undefined
}

const numberRange = ({ minimum, maximum }: SettingSchema): string => {
  if (minimum === undefined) return maximum === undefined ? '' : ` of at most ${maximum}`
  return maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`
}

/** What may stand in the variable, as the end of a sentence: `a whole number from 0 to 65535`. */
export const allowedText = (schema: SettingSchema): string => {
  if (schema.allowed !== undefined) return schema.allowed
  switch (schema[Kind]) {
    case 'Union':
      return `one of ${choices(schema).join(', ')}`
    case 'Literal':
      return String(schema.const)
    case 'Boolean':
      return 'true or false'
    case 'Integer':
      return `a whole number${numberRange(schema)}`
    case 'Number':
      return `a number${numberRange(schema)}`
    default:
      return schema.pattern === undefined ? 'text' : `text that matches ${schema.pattern}`
  }
}
