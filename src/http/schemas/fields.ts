import { Type } from '@sinclair/typebox'
import { MAX_LABEL_LENGTH, MAX_PUB_LENGTH, SOURCES } from '../../domain/private-key.ts'

const PRINTABLE_ASCII = '^[\\x20-\\x7e]+$'

declare const cutOut: unique symbol
/** A text that is cut out of the body as bytes before anything is parsed: ask `takeSecret` for it. */
export type CutOut = { readonly [cutOut]: never }

export const Pub = Type.String({
  minLength: 1,
  maxLength: MAX_PUB_LENGTH,
  pattern: PRINTABLE_ASCII,
  description:
    'Public key or other public name of the private key; never what begins like an extended private key.',
})

export const Source = Type.Union(
  SOURCES.map((source) => Type.Literal(source)),
  { description: 'Which of a wallet’s keys it is. A private key is found by pub and source.' },
)

const label = (description: string) =>
  Type.String({ minLength: 1, maxLength: MAX_LABEL_LENGTH, pattern: PRINTABLE_ASCII, description })

export const Coin = label('Coin, such as tbtc.')
export const KeyType = label('Kind of key, such as independent or tss.')

export const SecretText = Type.Unsafe<CutOut>({
  type: 'string',
  description: 'The private key: any text that can be given back unchanged, and is not empty.',
})

/** The members that are cut out of a body as bytes, whatever the route. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set(['prv'])

/** What each field must be, for the texts of errors. */
export const EXPECTED: Readonly<Record<string, string>> = {
  pub: `1 to ${MAX_PUB_LENGTH} printable ASCII characters`,
  source: `one of ${SOURCES.join(', ')}`,
  coin: `1 to ${MAX_LABEL_LENGTH} printable ASCII characters`,
  type: `1 to ${MAX_LABEL_LENGTH} printable ASCII characters`,
  prv: 'a string',
  keyType: 'a string',
  encryptedKey: 'a string',
}
