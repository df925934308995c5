import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { EXPECTED } from './fields.ts'

const BODY = 'The body must be a JSON object.'

/** Names the field and what it must be; ajv's own texts name patterns, and could quote values. */
export const validationMessage = ([first]: readonly FastifySchemaValidationError[]): string => {
  const missing = first?.params.missingProperty
  const field = typeof missing === 'string' ? missing : first?.instancePath.split('/')[1]
  if (field === undefined || field === '') return BODY
  const expected = EXPECTED[field] ?? 'as documented'
  return field === missing ? `${field} is required; it must be ${expected}.` : `${field} must be ${expected}.`
}
