import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from '@sinclair/typebox'
import { provider as memory } from '../../src/adapters/hsm/memory/provider.ts'
import {
  ConfigurationError,
  type ConfigurationSources,
  forgetSecrets,
  readConfiguration,
} from '../../src/config/configuration.ts'
import type { Mode } from '../../src/config/service-settings.ts'
import { KmsError } from '../../src/domain/errors.ts'
import type { HsmProvider } from '../../src/ports/hsm-provider.port.ts'

/** A provider with settings of its own, for tests. */
const acme: HsmProvider = {
  name: 'acme',
  configuration: Type.Object({
    ACME_HOST: Type.String({ allowed: 'a host' }),
    ACME_PIN: Type.String({ secret: true, pattern: '^\\d{4}$', allowed: '4 digits' }),
  }),
  check: ({ ACME_HOST }) => (ACME_HOST === 'nowhere' ? ['ACME_HOST holds "nowhere"'] : []),
  create: async () => {
    throw new Error('not opened by these tests')
  },
}
const PROVIDERS = new Map([
  ['acme', acme],
  ['memory', memory],
  ['./other-acme.ts', { ...acme }],
])

const loadProvider: ConfigurationSources['loadProvider'] = async (name) => {
  const found = PROVIDERS.get(name)
  if (found !== undefined) return found
  throw new KmsError('start_refused', { message: `The HSM provider ${name} is not known` })
}

const parseAuditKey: ConfigurationSources['parseAuditKey'] = (pem) => {
  if (pem !== 'PEM') throw new KmsError('start_refused', { message: 'AUDIT_KEY must be a key' })
}

/** What `serve` needs at least. */
const COMPLETE = {
  BIND: '127.0.0.1',
  TLS_MODE: 'disabled',
  POLICY: 'open',
  DATABASE_URL: 'sqlite:/var/lib/cofre/cofre.sqlite',
  HSM_PROVIDER: 'acme',
  ACME_HOST: 'hsm.example',
  ACME_PIN: '1234',
  AUDIT_LOG: '/var/log/cofre/audit.jsonl',
  AUDIT_KEY: 'PEM',
  STORE_ANCHOR: `cofre1-${'0'.repeat(64)}`,
} as const

type Variables = Readonly<Record<string, string | undefined>>

const read = (mode: Mode, environment: Variables) =>
  readConfiguration(mode, {
    environment,
    loadProvider,
    parseAuditKey,
    ...(mode === 'dev' ? { providerDefaults: async () => ({ ACME_HOST: 'made-up', ACME_PIN: '0000' }) } : {}),
  })

const problemsOf = async (mode: Mode, environment: Variables): Promise<readonly string[]> => {
  try {
    await read(mode, environment)
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error))
    assert.ok(KmsError.is(error, 'start_refused'))
    assert.equal(error.message, error.problems.join('\n'))
    return error.problems
  }
  return assert.fail('it was not refused')
}

const refuses = async (mode: Mode, change: Variables, ...expected: readonly RegExp[]): Promise<void> => {
  const problems = await problemsOf(mode, mode === 'serve' ? { ...COMPLETE, ...change } : change)
  assert.equal(problems.length, expected.length, problems.join('\n'))
  for (const [at, pattern] of expected.entries()) assert.match(problems[at] ?? '', pattern)
}

test('serve takes a complete configuration, and its own defaults', async () => {
  const { service, providers, warnings, mode } = await read('serve', COMPLETE)
  assert.equal(mode, 'serve')
  assert.equal(service.PORT, 3000)
  assert.equal(service.HEALTH_BIND, '127.0.0.1:3001')
  assert.equal(service.ENVELOPE_FORMAT, 'sjcl')
  assert.equal(service.BODY_LIMIT, 1_048_576)
  assert.equal(service.RATE_LIMIT, 'on')
  assert.deepEqual(warnings, [])
  assert.equal(providers.length, 1)
  assert.equal(providers[0].provider, acme)
  assert.deepEqual({ ...providers[0].settings }, { ACME_HOST: 'hsm.example', ACME_PIN: '1234' })
})

test('serve without any setting says all that it needs, and listens with mutual TLS on every address', async () => {
  const problems = await problemsOf('serve', {})
  assert.deepEqual(
    problems.map((line) => line.split(' ', 1)[0]),
    [
      'DATABASE_URL',
      'HSM_PROVIDER',
      'SERVER_TLS_CERT_PATH',
      'SERVER_TLS_KEY_PATH',
      'CLIENT_CA_CERT_PATH',
      'POLICY_FILE',
      'AUDIT_LOG',
      'AUDIT_KEY',
      'STORE_ANCHOR',
    ],
  )
})

test("serve says what is wrong with the service's and the provider's settings at once", async () => {
  await refuses('serve', { PORT: 'x', ACME_PIN: 'y' }, /^PORT is "x"/, /^ACME_PIN is a value/)
})

test('serve refuses what is for development', async () => {
  await refuses('serve', { DATABASE_URL: 'memory:' }, /^DATABASE_URL is memory:, which is for dev only/)
  await refuses('serve', { HSM_PROVIDER: 'memory' }, /^HSM_PROVIDER is memory, which is for dev only/)
  await refuses('serve', { HSM_READ_PROVIDERS: 'memory' }, /^HSM_READ_PROVIDERS is memory, which is for dev/)
})

test('without TLS only a loopback address is allowed', async () => {
  for (const BIND of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '::2', '::ffff:10.0.0.1']) {
    await refuses('serve', { BIND }, /^TLS_MODE is disabled while BIND is /)
  }
  for (const BIND of ['127.0.0.1', '127.1.2.3', '::1', 'localhost', '::ffff:127.0.0.1']) {
    assert.equal((await read('serve', { ...COMPLETE, BIND })).service.BIND, BIND)
  }
  await refuses('serve', { BIND: 'example.com' }, /^BIND is "example.com": it must be an IP address/)
})

test('a policy needs TLS: without it nobody is told from anybody', async () => {
  await refuses(
    'serve',
    { POLICY: undefined, POLICY_FILE: '/policy.json' },
    /^POLICY_FILE is set while TLS_MODE is disabled/,
  )
})

test('serve needs a policy, or POLICY=open, which says on purpose that there is none', async () => {
  const none = /^POLICY_FILE is missing: it must be a path, or POLICY=open in its place/
  await refuses('serve', { POLICY: undefined }, none)
  for (const POLICY of ['closed', 'OPEN', 'open ']) {
    await refuses('serve', { POLICY }, /^POLICY is ".*": it must be open$/, none)
  }
  await refuses('serve', { POLICY: '' }, /^POLICY is empty: it must be open/, none)
  const mtls = {
    TLS_MODE: undefined,
    SERVER_TLS_CERT_PATH: '/c',
    SERVER_TLS_KEY_PATH: '/k',
    CLIENT_CA_CERT_PATH: '/ca',
  }
  const both = /^POLICY and POLICY_FILE are both set: give one of them$/
  await refuses('serve', { ...mtls, POLICY_FILE: '/policy.json' }, both)
  await refuses('serve', { ...mtls, POLICY: undefined }, none)
  const { service } = await read('serve', { ...COMPLETE, ...mtls, POLICY: undefined, POLICY_FILE: '/p' })
  assert.equal(service.POLICY, undefined)
  assert.equal((await read('dev', { HSM_PROVIDER: 'acme' })).service.POLICY, undefined)
})

test('dev listens on loopback alone, and needs nothing else', async () => {
  const { service, providers } = await read('dev', { HSM_PROVIDER: 'acme' })
  assert.equal(service.BIND, '127.0.0.1')
  assert.equal(service.TLS_MODE, 'disabled')
  assert.equal(service.DATABASE_URL, 'sqlite:./data/cofre.sqlite')
  assert.equal(providers[0].settings.ACME_HOST, 'made-up')
  await refuses(
    'dev',
    { HSM_PROVIDER: 'acme', BIND: '0.0.0.0', TLS_MODE: 'mtls' },
    /^BIND is 0.0.0.0: in dev/,
    /./,
    /./,
    /./,
  )
  const memoryAlone = await read('dev', { HSM_PROVIDER: 'memory', DATABASE_URL: 'memory:', DATA_DIR: '/x' })
  assert.equal(memoryAlone.service.DATABASE_URL, 'memory:')
})

test("dev's store is in DATA_DIR, and what is set wins over what dev makes up", async () => {
  const { service, providers } = await read('dev', {
    HSM_PROVIDER: 'acme',
    DATA_DIR: '/d/',
    ACME_PIN: '9999',
  })
  assert.equal(service.DATABASE_URL, 'sqlite:/d/cofre.sqlite')
  assert.deepEqual({ ...providers[0].settings }, { ACME_HOST: 'made-up', ACME_PIN: '9999' })
})

test('mutual TLS needs its files, and self-signed certificates need fingerprints', async () => {
  const mtls = { TLS_MODE: undefined, BIND: undefined, SERVER_TLS_CERT_PATH: '/c', SERVER_TLS_KEY_PATH: '/k' }
  await refuses('serve', mtls, /^CLIENT_CA_CERT_PATH is missing/)
  const selfSigned = { ...mtls, CLIENT_CERT_ALLOW_SELF_SIGNED: 'true' }
  await refuses(
    'serve',
    selfSigned,
    /^MTLS_ALLOWED_CLIENT_FINGERPRINTS is missing: .*, because CLIENT_CERT_ALLOW/,
  )
  const pinned = { MTLS_ALLOWED_CLIENT_FINGERPRINTS: 'ab', MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: '/f' }
  await refuses('serve', { ...selfSigned, ...pinned }, /FINGERPRINTS and .*_FILE are both set/)
  const file = { MTLS_ALLOWED_CLIENT_FINGERPRINTS_FILE: '/f' }
  assert.ok(await read('serve', { ...COMPLETE, ...selfSigned, ...file }))
  assert.ok(await read('serve', { ...COMPLETE, ...mtls, CLIENT_CA_CERT_PATH: '/ca' }))
})

test('an audit log needs its key, in dev too', async () => {
  await refuses(
    'dev',
    { HSM_PROVIDER: 'acme', AUDIT_LOG: '/a' },
    /^AUDIT_KEY \(or AUDIT_KEY_FILE\) is missing/,
  )
  await refuses('dev', { HSM_PROVIDER: 'acme', AUDIT_KEY: 'PEM' }, /^AUDIT_LOG is missing/)
})

test('the address of the health server has a port, or is off', async () => {
  for (const HEALTH_BIND of [
    '3001',
    'localhost',
    '127.0.0.1:',
    '127.0.0.1:99999',
    '::1:3001',
    '[127.0.0.1]:1',
  ]) {
    await refuses('serve', { HEALTH_BIND }, /^HEALTH_BIND is .*: it must be ADDRESS:PORT/)
  }
  for (const HEALTH_BIND of ['off', '0.0.0.0:1', '[::1]:3001', 'localhost:3001']) {
    assert.ok(await read('serve', { ...COMPLETE, HEALTH_BIND }))
  }
})

test('a store that is none of the known ones is refused without being shown', async () => {
  for (const url of ['postgres://u:hunter2@h/d', '/var/lib/hunter2', 'sqlite:', 'mongodb://', 'memory:x']) {
    const [problem, ...others] = await problemsOf('serve', { ...COMPLETE, DATABASE_URL: url })
    assert.deepEqual(others, [])
    assert.match(
      problem ?? '',
      /^DATABASE_URL is a value that is not allowed \(not shown\): it must be sqlite:PATH/,
    )
  }
  for (const url of ['sqlite:x', 'mongodb://u:p@h1,h2/d?replicaSet=r&tls=true', 'mongodb+srv://h/d']) {
    assert.equal((await read('serve', { ...COMPLETE, DATABASE_URL: url })).service.DATABASE_URL, url)
  }
})

test('a provider that is not known, or named twice, is refused', async () => {
  await refuses('serve', { HSM_PROVIDER: 'nobody' }, /^The HSM provider nobody is not known$/)
  await refuses('serve', { HSM_READ_PROVIDERS: 'acme' }, /^HSM_READ_PROVIDERS names a provider twice/)
  await refuses(
    'serve',
    { HSM_READ_PROVIDERS: 'nobody, x' },
    /must be names as in HSM_PROVIDER/,
    /nobody/,
    / x/,
  )
})

test('two providers that call themselves the same are refused: keys of the first would be lost', async () => {
  await refuses(
    'serve',
    { HSM_READ_PROVIDERS: './other-acme.ts' },
    /^HSM_READ_PROVIDERS and HSM_PROVIDER choose two .* "acme"/,
  )
})

test('what only a provider or the audit log can judge is refused with the rest, before anything is opened', async () => {
  await refuses(
    'serve',
    { AUDIT_KEY: 'no key', ACME_HOST: 'nowhere', ACME_PIN: 'y' },
    /^AUDIT_KEY must be a key$/,
    /^ACME_PIN is a value/,
    /^ACME_HOST holds "nowhere"$/,
  )
})

test('providers that only read come after the one that writes, each with its own settings', async () => {
  const { providers } = await read('dev', { HSM_PROVIDER: 'memory', HSM_READ_PROVIDERS: 'acme' })
  assert.deepEqual(
    providers.map(({ provider: { name } }) => name),
    ['memory', 'acme'],
  )
})

test('a name that is one slip away from a variable stops the start', async () => {
  const slips = {
    MTLS_ALLOWED_CLIENT_FINGERPRINT: 'MTLS_ALLOWED_CLIENT_FINGERPRINTS',
    RATE_LIMITS: 'RATE_LIMIT',
    ACME_HOSTT: 'ACME_HOST',
    AUDITLOG: 'AUDIT_LOG',
    POLICY_FlLE: 'POLICY_FILE',
    ACME_PIN_FIL: 'ACME_PIN_FILE',
  }
  for (const [slip, meant] of Object.entries(slips)) {
    await refuses(
      'serve',
      { [slip]: 'x' },
      new RegExp(`^${slip} is not a variable.*did you mean ${meant}\\?$`),
    )
  }
})

test('other names that begin like ours are a warning, and everything else is nobody’s business', async () => {
  const { warnings } = await read('serve', {
    ...COMPLETE,
    ACME_SERVICE_PORT: '1',
    PATHS: 'x',
    HOME: '/',
    XPORT: '1',
  })
  assert.deepEqual(warnings, ['ACME_SERVICE_PORT is not a variable of this service and is ignored'])
})

test('what dev makes up is not begun for a start that is refused anyway', async () => {
  let asked = false
  const reading = readConfiguration('dev', {
    environment: { PORT: 'x', HSM_PROVIDER: 'acme' },
    loadProvider,
    parseAuditKey,
    providerDefaults: async () => {
      asked = true
      return {}
    },
  })
  await assert.rejects(reading, /PORT/)
  assert.equal(asked, false)
})

test('secrets leave the environment once they are read', async () => {
  const environment: NodeJS.ProcessEnv = { ...COMPLETE, OTHER_PIN: '1' }
  const before = Object.keys(environment)
  forgetSecrets(environment, await read('serve', environment), ['OTHER_PIN'])
  assert.deepEqual(
    before.filter((name) => !(name in environment)),
    ['DATABASE_URL', 'ACME_PIN', 'AUDIT_KEY', 'OTHER_PIN'],
  )
})

test('serve needs the store anchor, init does not, and dev keeps its own', async () => {
  const { STORE_ANCHOR, ...others } = COMPLETE
  assert.deepEqual(await problemsOf('serve', others), [
    'STORE_ANCHOR is missing: it must be what cofre init printed: cofre1- and 64 hexadecimal digits',
  ])
  await refuses(
    'serve',
    { STORE_ANCHOR: 'cofre1-x' },
    /^STORE_ANCHOR is "cofre1-x": it must be what cofre init/,
  )
  assert.equal((await read('init', others)).mode, 'init')
  assert.equal((await read('init', COMPLETE)).service.STORE_ANCHOR, STORE_ANCHOR)
  await refuses(
    'dev',
    { HSM_PROVIDER: 'acme', STORE_ANCHOR },
    /^STORE_ANCHOR is set, and dev keeps it in DATA_DIR/,
  )
})

test('a MongoDB elsewhere is reached with TLS that checks certificates, and with nothing else', async () => {
  const noTls =
    /^DATABASE_URL reaches a MongoDB that is not on this machine without TLS: it must have tls=true$/
  for (const url of [
    'mongodb://u:hunter2@db/cofre',
    'mongodb://127.0.0.1,db/cofre',
    'mongodb://db:27017/cofre?tls=false',
    'mongodb://u:hunter2@[2001:db8::1]:27017/cofre',
    'mongodb+srv://db/cofre?ssl=false',
  ]) {
    await refuses('serve', { DATABASE_URL: url }, noTls)
    assert.ok(await read('dev', { DATABASE_URL: url, HSM_PROVIDER: 'acme' }))
  }
  for (const option of ['tlsInsecure', 'tlsAllowInvalidCertificates', 'TLSALLOWINVALIDHOSTNAMES']) {
    const problem = new RegExp(`^DATABASE_URL has ${option}: `, 'i')
    await refuses('serve', { DATABASE_URL: `mongodb://u:hunter2@db/cofre?tls=true&${option}=true` }, problem)
    await refuses('serve', { DATABASE_URL: `mongodb+srv://db/cofre?${option}=true` }, problem)
  }
  for (const url of [
    'mongodb://127.0.0.1:27017,[::1]:27018,localhost/cofre',
    'mongodb://%2Ftmp%2Fmongodb.sock/cofre',
    'mongodb://u:p@db1,db2/cofre?tls=true',
    'mongodb+srv://db/cofre',
  ]) {
    assert.ok(await read('serve', { ...COMPLETE, DATABASE_URL: url }), url)
  }
})
