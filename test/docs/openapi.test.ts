import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiDocument } from '../../scripts/generate-openapi.ts'
import { jsonPost, KEY, testApp } from '../http/support/app.ts'

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly content: Readonly<
          Record<string, { readonly schema: { readonly required?: readonly string[] } }>
        >
      }
    >
  >
}

const { paths, components } = JSON.parse(JSON.stringify(openApiDocument())) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: { readonly Problem: { readonly required: readonly string[] } } }
}

const routes = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({ url: path.replace('{pub}', '*'), method: method.toUpperCase() })),
)

test('the document has every route of the service, and no other', async (t) => {
  const { app } = testApp(t)
  await app.ready()
  for (const { url, method } of routes) {
    assert.ok(app.hasRoute({ url, method: method as 'GET' }), `${method} ${url}`)
  }
  const registered = app.printRoutes({ commonPrefix: false }).match(/\b(GET|POST|PUT|PATCH|DELETE)\b/g)
  assert.equal(registered?.length, routes.length)
})

test('answers have the members, and errors the shape, that the document says', async (t) => {
  const { app } = testApp(t)
  const made = await app.inject(jsonPost('/generateDataKey', { keyType: 'AES-256' }))
  const { encryptedKey } = made.json()
  const answers = {
    generateDataKey: made,
    decryptDataKey: await app.inject(jsonPost('/decryptDataKey', { encryptedKey })),
    storePrivateKey: await app.inject(jsonPost('/key', KEY)),
    getPrivateKey: await app.inject(`/key/${KEY.pub}?source=${KEY.source}`),
  }
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  assert.deepEqual(operations.map(({ operationId }) => operationId).sort(), Object.keys(answers).sort())
  const refused = await app.inject(jsonPost('/key', {}))
  for (const { operationId, responses } of operations) {
    const answer = answers[operationId as keyof typeof answers]
    assert.equal(answer.statusCode, 200, operationId)
    const required = responses[200]?.content['application/json']?.schema.required ?? []
    assert.deepEqual(Object.keys(answer.json()).sort(), required.toSorted(), operationId)
    const [mediaType = ''] = String(refused.headers['content-type']).split(';')
    assert.ok(responses['4XX']?.content[mediaType], operationId)
  }
  assert.deepEqual(Object.keys(refused.json()).sort(), components.schemas.Problem.required.toSorted())
})
