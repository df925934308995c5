import type { TObject } from '@sinclair/typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { SecretBytes } from '../../domain/secret-bytes.ts'
import { HttpError } from '../errors/http-error.ts'
import { WipedRequest } from '../memory/wiped-request.ts'
import { SECRET_FIELDS } from '../schemas/fields.ts'
import { collectBody } from './collect-body.ts'
import { readMembers } from './read-members.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Secret texts of the body that no handler has taken yet; they are wiped with the response. */
    bodySecrets: Map<string, SecretBytes> | null
  }
}

const MEDIA_TYPE = 'application/json'
const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)"?/gi

const checkEncoding = ({ headers }: FastifyRequest): void => {
  const charsets = [...(headers['content-type'] ?? '').matchAll(CHARSET)].map(([, name]) =>
    name?.toLowerCase(),
  )
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (charsets.some((name) => name !== 'utf-8' && name !== 'utf8') || coding !== 'identity') {
    throw new HttpError('unsupported_media_type')
  }
}

/** A route reads the members that its schema names, and no other. */
const fieldsOf = ({ routeOptions }: FastifyRequest): readonly string[] =>
  Object.keys((routeOptions.schema?.body as TObject | undefined)?.properties ?? {})

/**
 * The only body that is read is a JSON object, on the routes that have a schema for it. Its secret members are
 * cut out as bytes (`takeSecret`); in their place the schema sees an empty text.
 */
export const readJsonBodies = (app: FastifyInstance, bodyLimit: number): void => {
  app.decorateRequest('bodySecrets', null)
  app.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => {
      for (const secret of request.bodySecrets?.values() ?? []) secret[Symbol.dispose]()
    })
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(MEDIA_TYPE, async (request: FastifyRequest, payload: FastifyRequest['raw']) => {
    if (request.is404) return undefined
    checkEncoding(request)
    const body = await collectBody(payload, Number(request.headers['content-length'] ?? 0), bodyLimit)
    try {
      const { values, secrets } = readMembers(body, fieldsOf(request), SECRET_FIELDS)
      request.bodySecrets = secrets
      return values
    } finally {
      body.fill(0)
      // Of its chunks the memory too is not needed any more.
      if (payload instanceof WipedRequest) payload.wipe()
    }
  })
}

/** The caller becomes the owner and disposes. Precondition: the route's schema requires the field. */
export const takeSecret = (request: FastifyRequest, field: string): SecretBytes => {
  const secret = request.bodySecrets?.get(field)
  if (secret === undefined) throw new Error(`the body has no secret member ${field}`)
  request.bodySecrets?.delete(field)
  return secret
}
