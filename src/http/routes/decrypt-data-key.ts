import type { KeyOperations } from '../../domain/operations.ts'
import type { HttpApp } from '../http-app.ts'
import { jsonObject } from '../responses/json-bytes.ts'
import { sendSecretJson } from '../responses/send-secret.ts'
import { decryptDataKeySchema } from '../schemas/data-key.ts'

export const decryptDataKeyRoute = (app: HttpApp, operations: KeyOperations): void => {
  app.post('/decryptDataKey', { schema: decryptDataKeySchema }, async (request, reply) => {
    const { encryptedKey } = request.body
    const opened = await operations.decryptDataKey({ encryptedKey }, request.context)
    using key = opened.plaintextKey
    using plaintextKey = key.toBase64()
    return sendSecretJson(reply, jsonObject({ plaintextKey }))
  })
}
