import type { KeyOperations } from '../../domain/operations.ts'
import { wellFormedIdentity } from '../../domain/private-key.ts'
import { takeSecret } from '../body/json-body.ts'
import type { HttpApp } from '../http-app.ts'
import { storePrivateKeySchema } from '../schemas/key.ts'

export const storePrivateKeyRoute = (app: HttpApp, operations: KeyOperations): void => {
  app.post('/key', { schema: storePrivateKeySchema }, async (request) => {
    const { pub, source, coin, type } = request.body
    using prv = takeSecret(request, 'prv')
    request.identity = wellFormedIdentity({ tenant: request.context.caller.tenant, pub, source }) ?? null
    const { key } = await operations.storePrivateKey({ pub, source, coin, type, prv }, request.context)
    return { pub: key.pub, coin: key.coin, source: key.source, type: key.type }
  })
}
