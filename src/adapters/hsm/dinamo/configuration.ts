import { type Static, Type } from '@sinclair/typebox'
import type { WrappingAlgorithm } from '../../../domain/root-key.ts'
import { FINGERPRINTS_ALLOWED, HOSTS_ALLOWED } from './targets.ts'

const Milliseconds = (description: string, fallback: number) =>
  Type.Integer({ description, default: fallback, minimum: 100, maximum: 600_000 })

const Credential = (description: string, secret: boolean) =>
  Type.String({
    description,
    pattern: '^[ -~]{1,16}$',
    allowed: '1 to 16 printable ASCII characters',
    ...(secret ? { secret } : {}),
  })

/** The SDK reads these by itself: it would print key names, or crash for want of a folder. */
const Unset = (what: string) =>
  Type.Optional(Type.Never({ description: `The SDK's own ${what}.`, allowed: 'left unset' }))

export const DinamoConfigurationSchema = Type.Object({
  DINAMO_HOST: Type.String({
    description: 'The HSM, or several that are replicas of each other; port 4433 where none is given.',
    allowed: HOSTS_ALLOWED,
  }),
  DINAMO_USERNAME: Credential('The user whose partition holds the root keys.', false),
  DINAMO_PASSWORD: Credential("The user's password.", true),
  DINAMO_CERT_SHA256: Type.String({
    description: "SHA-256 of the HSMs' certificates: no credential goes to any other.",
    allowed: FINGERPRINTS_ALLOWED,
  }),
  DINAMO_PADDING: Type.Union(
    [Type.Literal('auto'), Type.Literal('oaep-sha256'), Type.Literal('oaep-sha1'), Type.Literal('pkcs1')],
    { description: 'How data keys are wrapped for the HSM; `auto` tries OAEP alone.', default: 'auto' },
  ),
  DINAMO_ROOT_KEY_EXPORTABLE: Type.Boolean({
    description: 'For devices that give out the public half of exportable keys alone.',
    default: false,
  }),
  DINAMO_ALLOW_STATIC_RSA: Type.Boolean({
    description: 'Allows TLS without forward secrecy, for devices that have no ECDHE suite.',
    default: false,
  }),
  DINAMO_OPERATION_TIMEOUT_MS: Milliseconds('How long the HSM may take for one reply.', 5_000),
  DINAMO_CONNECT_TIMEOUT_MS: Milliseconds('How long connecting and logging in may take.', 3_000),
  DINAMO_MAX_SESSIONS: Type.Integer({
    description: 'Sessions at the same time, for each host.',
    default: 8,
    minimum: 1,
    maximum: 256,
  }),
  HSM_DEADLINE_MS: Milliseconds('For one HSM operation: waiting, all attempts and pauses.', 8_000),
  ROOT_KEY_MIN_HOSTS: Type.Optional(
    Type.Integer({
      description: 'Hosts that must open a value wrapped with a new root key before it is used; default all.',
      minimum: 1,
      maximum: 64,
    }),
  ),
  HSM_LOG_LEVEL: Unset('log'),
  HSM_LOG_DIR: Unset("log's folder"),
})

export type DinamoConfiguration = Static<typeof DinamoConfigurationSchema>

/** Best first. PKCS#1 v1.5 is never tried unasked. */
export const WRAPPING_OF: Readonly<
  Record<DinamoConfiguration['DINAMO_PADDING'], readonly WrappingAlgorithm[]>
> = {
  auto: ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
  'oaep-sha256': ['rsa-oaep-sha256'],
  'oaep-sha1': ['rsa-oaep-sha1'],
  pkcs1: ['rsa-pkcs1-v15'],
}
