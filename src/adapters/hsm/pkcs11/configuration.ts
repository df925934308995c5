import { type Static, Type } from '@sinclair/typebox'
import type { WrappingAlgorithm } from '../../../domain/root-key.ts'

const Milliseconds = (description: string, fallback: number) =>
  Type.Integer({ description, default: fallback, minimum: 100, maximum: 600_000 })

export const Pkcs11ConfigurationSchema = Type.Object({
  PKCS11_LIBRARY: Type.String({
    description: "The vendor's PKCS#11 library.",
    allowed: 'the path of a shared library',
  }),
  PKCS11_TOKEN_LABEL: Type.Optional(
    Type.String({
      description: 'The token that holds the root keys, by its label; or give PKCS11_SLOT.',
      allowed: "a token's label, of 1 to 32 bytes",
      minLength: 1,
      maxLength: 32,
    }),
  ),
  PKCS11_SLOT: Type.Optional(
    Type.Integer({
      description: 'The same by the number of its slot, where labels are not unique.',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  ),
  PKCS11_PIN: Type.String({
    description: "The token's user PIN. A wrong one is sent once: tokens lock themselves.",
    secret: true,
    allowed: "the token's PIN",
  }),
  PKCS11_PADDING: Type.Union(
    [Type.Literal('auto'), Type.Literal('oaep-sha256'), Type.Literal('oaep-sha1'), Type.Literal('pkcs1')],
    { description: 'How data keys are wrapped for the token; `auto` tries OAEP alone.', default: 'auto' },
  ),
  PKCS11_MAX_SESSIONS: Type.Integer({
    description: 'Sessions, and so calls, at the same time; one more is kept for the login.',
    default: 8,
    minimum: 1,
    maximum: 256,
  }),
  PKCS11_OPERATION_TIMEOUT_MS: Milliseconds(
    'How long the library may take for one call; then its process is killed and started anew.',
    3_000,
  ),
  HSM_DEADLINE_MS: Milliseconds('For one HSM operation: waiting, all attempts and pauses.', 8_000),
})

export type Pkcs11Configuration = Static<typeof Pkcs11ConfigurationSchema>

/** Best first. PKCS#1 v1.5 is never tried unasked. */
export const WRAPPING_OF: Readonly<
  Record<Pkcs11Configuration['PKCS11_PADDING'], readonly [WrappingAlgorithm, ...WrappingAlgorithm[]]>
> = {
  auto: ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
  'oaep-sha256': ['rsa-oaep-sha256'],
  'oaep-sha1': ['rsa-oaep-sha1'],
  pkcs1: ['rsa-pkcs1-v15'],
}
