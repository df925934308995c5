import { Type } from '@sinclair/typebox'
import { Coin, KeyType, Pub, SecretText, Source } from './fields.ts'
import { ERROR_RESPONSES } from './problem.ts'

export const storePrivateKeySchema = {
  summary: 'Stores a private key',
  description:
    'The same (pub, source) can be stored once. Other members, such as the seed that some wallets add, are accepted and dropped unread.',
  body: Type.Object({ pub: Pub, source: Source, coin: Coin, type: KeyType, prv: SecretText }),
  response: {
    200: Type.Object(
      { pub: Pub, coin: Coin, source: Source, type: KeyType },
      { description: 'It is stored.' },
    ),
    ...ERROR_RESPONSES,
  },
}

export const getPrivateKeySchema = {
  summary: 'Returns a stored private key',
  description:
    'Everything after /key/ is the pub, percent-decoded once: slashes, plus and equals signs may stand as they are.',
  params: Type.Object({ '*': Type.String({ description: 'The pub.' }) }),
  querystring: Type.Object({ source: Source }),
  response: {
    200: Type.Object(
      {
        prv: Type.String({ description: 'Exactly the text that was stored.' }),
        pub: Pub,
        source: Source,
        type: KeyType,
        coin: Coin,
      },
      { description: 'The private key.' },
    ),
    ...ERROR_RESPONSES,
  },
}
