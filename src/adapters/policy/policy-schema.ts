import { type TSchema, Type } from '@sinclair/typebox'
import { OPERATIONS } from '../../domain/caller.ts'
import { SOURCES } from '../../domain/private-key.ts'

const ListOf = <T extends TSchema>(items: T, description: string) =>
  Type.Array(items, { description, minItems: 1, maxItems: 1_000, uniqueItems: true })

const Name = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' })
const Text = Type.String({ minLength: 1, maxLength: 1_024 })
const Label = Type.String({ pattern: '^[\\x20-\\x7e]{1,64}$' })
const OneOf = <T extends string>(values: readonly T[]) =>
  Type.Union(values.map((value) => Type.Literal(value)))

const ClientSchema = Type.Object(
  {
    name: Type.String({
      ...Name,
      description: 'Unlike any other. Its data keys are bound to it and stop opening when it changes.',
    }),
    fingerprints: Type.Optional(
      ListOf(
        Type.String({ pattern: '^([Ss][Hh][Aa]256:)?([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$' }),
        'SHA-256 of client certificates, with or without `sha256:` and colons.',
      ),
    ),
    subjects: Type.Optional(
      ListOf(Text, 'Subjects of client certificates, spelled exactly as the service log spells them.'),
    ),
    sans: Type.Optional(
      ListOf(
        Type.String({ pattern: '^(DNS|URI|IP Address|email):.+$', maxLength: 1_024 }),
        'Subject alternative names of client certificates, such as `DNS:wallet.example` or `URI:spiffe://x/y`.',
      ),
    ),
    tenant: Type.Optional(
      Type.String({
        ...Name,
        description:
          'Whose private keys it works with; `default` where it is left out. Tenants share no key and see nothing of each other.',
      }),
    ),
    operations: ListOf(OneOf(OPERATIONS), 'What it may call.'),
    sources: Type.Optional(
      ListOf(OneOf(SOURCES), 'Restricts storePrivateKey and getPrivateKey to keys of these sources.'),
    ),
    coins: Type.Optional(
      ListOf(Label, 'Restricts storePrivateKey and getPrivateKey to keys of these coins.'),
    ),
    types: Type.Optional(
      ListOf(Label, 'Restricts storePrivateKey and getPrivateKey to keys of these types.'),
    ),
    sharesDataKeysWith: Type.Optional(ListOf(Name, 'Clients that may open the data keys made for this one.')),
  },
  { additionalProperties: false },
)

export const PolicySchema = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'For editors.' })),
    clients: Type.Array(ClientSchema, {
      description: 'Whoever is none of these may call nothing.',
      maxItems: 10_000,
    }),
  },
  {
    additionalProperties: false,
    title: 'Policy of Cofre',
    description: 'POLICY_FILE: which client may call which operation.',
  },
)

/** The schema that is published as docs/policy.schema.json. */
export const policyJsonSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...(JSON.parse(JSON.stringify(PolicySchema)) as object),
})
