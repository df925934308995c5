import type { KeyOperations } from '../../domain/operations.ts'
import type { HttpApp } from '../http-app.ts'
import { jsonObject } from '../responses/json-bytes.ts'
import { sendSecretJson } from '../responses/send-secret.ts'
import { generateDataKeySchema } from '../schemas/data-key.ts'

export const generateDataKeyRoute = (app: HttpApp, operations: KeyOperations): void => {
  app.post('/generateDataKey', { schema: generateDataKeySchema }, async (request, reply) => {
    const { keyType } = request.body
    const made = await operations.generateDataKey({ keyType }, request.context)
    using key = made.plaintextKey
    using plaintextKey = key.toBase64()
    return sendSecretJson(reply, jsonObject({ plaintextKey, encryptedKey: made.encryptedKey }))
  })
}
