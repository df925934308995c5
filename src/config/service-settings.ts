import { type Static, Type } from '@sinclair/typebox'
import type { Environment } from './read-settings.ts'

/**
 * `dev` is for the developer's own machine; `serve` is for production and refuses what is not fit for it; `init`
 * prepares a store for `serve`, with the same settings.
 */
export type Mode = 'dev' | 'serve' | 'init'

const Path = (description: string) => Type.Optional(Type.String({ description, allowed: 'a path' }))
const MILLISECONDS = { minimum: 100, maximum: 600_000 }
const Choice = <const Names extends readonly string[]>(
  names: Names,
  options: { readonly description: string; readonly default?: Names[number] },
) =>
  Type.Union(
    names.map((name) => Type.Literal(name as Names[number])),
    options,
  )

const FINGERPRINTS = 'SHA-256 fingerprints, comma-separated'

/** The service's own variables; each HSM provider brings those of its own. The defaults are those of `serve`. */
export const ServiceSettingsSchema = Type.Object({
  BIND: Type.String({
    description: 'Address to listen on.',
    default: '0.0.0.0',
    allowed: 'an IP address or localhost',
  }),
  PORT: Type.Integer({
    description: 'Port to listen on; 0 is any free one.',
    default: 3000,
    minimum: 0,
    maximum: 65_535,
  }),
  HEALTH_BIND: Type.String({
    description: 'Where `/livez` and `/readyz` are answered, without TLS.',
    default: '127.0.0.1:3001',
    allowed: 'ADDRESS:PORT such as 127.0.0.1:3001, or off',
  }),
  DATA_DIR: Path('Folder of the SQLite file and the simulator state; `dev` only.'),
  DATABASE_URL: Type.String({
    description: 'The store. `memory:` in `dev` only.',
    secret: true,
    pattern: '^(sqlite:.+|mongodb(\\+srv)?://.+|memory:)$',
    allowed: 'sqlite:PATH, mongodb://... or mongodb+srv://...',
  }),
  HSM_PROVIDER: Type.String({
    description: 'Which HSM holds the root key that new keys are wrapped with. `memory` in `dev` only.',
    allowed: 'dinamo, pkcs11, or the package name or path of a plugin',
  }),
  HSM_READ_PROVIDERS: Type.Optional(
    Type.String({
      description: 'Providers that open what was wrapped with their root keys before, comma-separated.',
      allowed: 'names as in HSM_PROVIDER, comma-separated',
    }),
  ),
  ENVELOPE_FORMAT: Choice(['sjcl', 'a256gcm'], {
    description: 'What new rows are written in; all formats are read.',
    default: 'sjcl',
  }),
  ENVELOPE_ENGINE: Choice(['node', 'sjcl'], {
    description:
      'What the `sjcl` format is computed with. The sjcl package is slow, and leaves copies of keys in memory.',
    default: 'node',
  }),
  TLS_MODE: Choice(['mtls', 'disabled'], {
    description: '`disabled` only while BIND is a loopback address.',
    default: 'mtls',
  }),
  SERVER_TLS_CERT_PATH: Path("PEM file of the server's certificate chain."),
  SERVER_TLS_KEY_PATH: Path("PEM file of the server's private key."),
  CLIENT_CA_CERT_PATH: Path('PEM file of the authorities that client certificates come from.'),
  MTLS_ALLOWED_CLIENT_FINGERPRINTS: Type.Optional(
    Type.String({
      description: 'Client certificates that may call, with or without `sha256:` and colons.',
      allowed: FINGERPRINTS,
    }),
  ),
  MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: Path('The same in a file, which is read again when it changes.'),
  CLIENT_CERT_ALLOW_SELF_SIGNED: Type.Boolean({
    description: 'Fingerprints alone decide about client certificates; then they are required.',
    default: false,
  }),
  STORE_ANCHOR: Type.Optional(
    Type.String({
      description:
        'What `cofre init` printed: a start with another store is refused. `dev` keeps it in DATA_DIR.',
      allowed: 'what cofre init printed: cofre1- and 64 hexadecimal digits',
    }),
  ),
  POLICY_FILE: Path('JSON file that says which client may do what.'),
  POLICY: Type.Optional(
    Choice(['open'], {
      description: 'In place of POLICY_FILE: says on purpose that every client may do everything.',
    }),
  ),
  AUDIT_LOG: Path('File that the audit log is written to.'),
  AUDIT_KEY: Type.Optional(
    Type.String({
      description: "Signs the audit log's checkpoints.",
      secret: true,
      allowed: 'the PEM of an Ed25519 private key',
    }),
  ),
  RATE_LIMIT: Choice(['on', 'off'], { description: 'Limits requests for each client.', default: 'on' }),
  BODY_LIMIT: Type.Integer({
    description: "Largest request body, in bytes. A threshold wallet's key needs about 330 KB.",
    default: 1_048_576,
    minimum: 1_024,
    maximum: 16_777_216,
  }),
  WORKERS: Type.Optional(
    Type.Integer({
      description:
        'Processes that share the port; by itself 1 with SQLite, as many as there are cores with MongoDB. `serve` only.',
      minimum: 1,
      maximum: 64,
    }),
  ),
  STORE_TIMEOUT_MS: Type.Optional(
    Type.Integer({
      description:
        'How long the store may take for one answer; by itself 5,000 with SQLite, 15,000 with MongoDB.',
      ...MILLISECONDS,
    }),
  ),
  START_TIMEOUT_MS: Type.Integer({
    description: 'How long a start waits for the HSM, or for another instance.',
    default: 30_000,
    ...MILLISECONDS,
  }),
  LOG_LEVEL: Choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
    description: 'What is logged.',
    default: 'info',
  }),
})
export type ServiceSettings = Static<typeof ServiceSettingsSchema>

/** What `dev` takes where nothing is set. The store's default follows from DATA_DIR. */
export const DEV_DEFAULTS = {
  BIND: '127.0.0.1',
  DATA_DIR: './data',
  HSM_PROVIDER: 'dinamo',
  TLS_MODE: 'disabled',
  RATE_LIMIT: 'off',
} as const satisfies Environment

/** The store that `dev` uses by itself. */
export const devDatabaseUrl = (dataDir: string): string =>
  `sqlite:${dataDir.replace(/\/+$/, '')}/cofre.sqlite`
