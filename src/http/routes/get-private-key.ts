import { KmsError } from '../../domain/errors.ts'
import type { KeyOperations } from '../../domain/operations.ts'
import { checkName } from '../../domain/private-key.ts'
import type { HttpApp } from '../http-app.ts'
import { jsonObject } from '../responses/json-bytes.ts'
import { sendSecretJson } from '../responses/send-secret.ts'
import { getPrivateKeySchema } from '../schemas/key.ts'

/** Once, and `+` is itself: the wallet server puts a base64 pub into the path as it is. */
const decodePub = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new KmsError('validation_failed', { message: 'pub must be percent-encoded UTF-8.' })
  }
}

export const getPrivateKeyRoute = (app: HttpApp, operations: KeyOperations): void => {
  app.get('/key/*', { schema: getPrivateKeySchema }, async (request, reply) => {
    const name = { pub: decodePub(request.params['*']), source: request.query.source }
    checkName(name)
    request.identity = { tenant: request.context.caller.tenant, ...name }
    const { key, prv } = await operations.getPrivateKey(name, request.context)
    using secret = prv
    const { pub, source, type, coin } = key
    return sendSecretJson(reply, jsonObject({ prv: secret, pub, source, type, coin }))
  })
}
