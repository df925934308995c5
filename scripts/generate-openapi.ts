import { readFileSync } from 'node:fs'
import type { TSchema } from '@sinclair/typebox'
import { PROBLEM_MEDIA_TYPE } from '../src/http/errors/problem.ts'
import { decryptDataKeySchema, generateDataKeySchema } from '../src/http/schemas/data-key.ts'
import { Pub } from '../src/http/schemas/fields.ts'
import { getPrivateKeySchema, storePrivateKeySchema } from '../src/http/schemas/key.ts'
import { ProblemSchema } from '../src/http/schemas/problem.ts'

interface RouteSchema {
  readonly summary: string
  readonly description: string
  readonly body?: TSchema
  readonly querystring?: { readonly properties: Readonly<Record<string, TSchema>> }
  readonly response: { readonly 200: TSchema }
}

const JSON_MEDIA_TYPE = 'application/json'
const PROBLEM = { $ref: '#/components/schemas/Problem' }

const content = (mediaType: string, schema: object) => ({ content: { [mediaType]: { schema } } })

const REQUEST_ID = {
  'X-Request-Id': {
    description: 'What the log has of this request.',
    schema: { type: 'string', format: 'uuid' },
  },
}

const RETRY_AFTER = {
  'Retry-After': {
    description: 'After how many seconds a repetition can succeed, where it can.',
    schema: { type: 'integer' },
  },
}

const errorResponse = (description: string) => ({
  description,
  headers: { ...REQUEST_ID, ...RETRY_AFTER },
  ...content(PROBLEM_MEDIA_TYPE, PROBLEM),
})

/** OpenAPI has no word for a path parameter that may hold slashes: the description says it. */
const PUB_IN_PATH = {
  name: 'pub',
  in: 'path',
  required: true,
  description: 'The pub, percent-decoded once: slashes, plus and equals signs may stand as they are.',
  schema: Pub,
}

const queryParameters = ({ querystring }: RouteSchema) =>
  Object.entries(querystring?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: true,
    schema,
  }))

const operation = (operationId: string, schema: RouteSchema, pathParameters: readonly object[] = []) => {
  const { summary, description, body, response } = schema
  const parameters = [...pathParameters, ...queryParameters(schema)]
  return {
    operationId,
    summary,
    description,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, ...content(JSON_MEDIA_TYPE, body) } }),
    responses: {
      200: {
        description: response[200].description,
        headers: REQUEST_ID,
        ...content(JSON_MEDIA_TYPE, response[200]),
      },
      '4XX': errorResponse('The request is refused; docs/errors.md lists the codes.'),
      '5XX': errorResponse('The service, the HSM or the store failed; docs/errors.md lists the codes.'),
    },
  }
}

const version = (): string => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}

/** The API as OpenAPI 3.1, from the schemas that the routes check requests with. */
export const openApiDocument = () => ({
  openapi: '3.1.0',
  info: {
    title: 'Cofre',
    summary: 'Keeps private keys of digital assets under a root key in an HSM.',
    version: version(),
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: 'https://localhost:3000' }],
  security: [{ clientCertificate: [] }],
  paths: {
    '/key': { post: operation('storePrivateKey', storePrivateKeySchema) },
    '/key/{pub}': { get: operation('getPrivateKey', getPrivateKeySchema, [PUB_IN_PATH]) },
    '/generateDataKey': { post: operation('generateDataKey', generateDataKeySchema) },
    '/decryptDataKey': { post: operation('decryptDataKey', decryptDataKeySchema) },
  },
  components: {
    schemas: { Problem: ProblemSchema },
    securitySchemes: {
      clientCertificate: { type: 'mutualTLS', description: 'With TLS_MODE=disabled there is none.' },
    },
  },
})
