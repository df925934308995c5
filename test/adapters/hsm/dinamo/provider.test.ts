import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DinamoConfiguration } from '../../../../src/adapters/hsm/dinamo/configuration.ts'
import { provider } from '../../../../src/adapters/hsm/dinamo/provider.ts'
import { parseFingerprints, parseTargets } from '../../../../src/adapters/hsm/dinamo/targets.ts'
import { readSettings } from '../../../../src/config/read-settings.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import { systemClock, systemRandom } from '../../../../src/domain/random.ts'
import { simulatorFor, USER } from '../../../support/simulator.ts'
import { RecordedLog } from './support.ts'

const FINGERPRINT = 'ab'.repeat(32)
const COLONS = Array(32).fill('AB').join(':')
const REQUIRED = {
  DINAMO_HOST: 'hsm.example',
  DINAMO_USERNAME: USER.username,
  DINAMO_PASSWORD: USER.password,
  DINAMO_CERT_SHA256: FINGERPRINT,
}

const context = () => ({ logger: new RecordedLog(), clock: systemClock, random: systemRandom })

const settings = (environment: Record<string, string>): DinamoConfiguration => {
  const { found, problems } = readSettings(provider.configuration, { ...REQUIRED, ...environment })
  assert.deepEqual(problems, [])
  return found as DinamoConfiguration
}

const problemsOf = (environment: Record<string, string>): readonly string[] =>
  readSettings(provider.configuration, { ...REQUIRED, ...environment }).problems

const refused = (variable: string, found: string) => (error: unknown) =>
  KmsError.is(error, 'start_refused') && error.message.includes(variable) && error.message.includes(found)

suite('the Dinamo provider', () => {
  test('has the defaults that are documented', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(settings({}))), {
      ...REQUIRED,
      DINAMO_PASSWORD: '[redacted]',
      DINAMO_PADDING: 'auto',
      DINAMO_ROOT_KEY_EXPORTABLE: false,
      DINAMO_ALLOW_STATIC_RSA: false,
      DINAMO_OPERATION_TIMEOUT_MS: 5_000,
      DINAMO_CONNECT_TIMEOUT_MS: 3_000,
      DINAMO_MAX_SESSIONS: 8,
      HSM_DEADLINE_MS: 8_000,
    })
  })

  test('needs host, user, password and certificate', () => {
    const { problems } = readSettings(provider.configuration, {})
    assert.equal(problems.length, 4)
    for (const name of Object.keys(REQUIRED)) assert.ok(problems.some((problem) => problem.startsWith(name)))
  })

  for (const [name, value] of [
    ['DINAMO_PADDING', 'oaep'],
    ['DINAMO_USERNAME', 'a'.repeat(17)],
    ['DINAMO_PASSWORD', 'sénha'],
    ['DINAMO_PASSWORD', 'x'.repeat(17)],
    ['DINAMO_MAX_SESSIONS', '0'],
    ['DINAMO_ALLOW_STATIC_RSA', 'yes'],
    ['HSM_DEADLINE_MS', '0'],
    ['ROOT_KEY_MIN_HOSTS', '0'],
  ] as const) {
    test(`refuses ${name}=${value}, and shows no secret`, () => {
      const [problem, ...more] = problemsOf({ [name]: value })
      assert.deepEqual(more, [])
      assert.ok(problem?.startsWith(name))
      assert.equal(problem?.includes(value), name !== 'DINAMO_PASSWORD')
    })
  }

  for (const [padding, candidates] of [
    ['auto', ['rsa-oaep-sha256', 'rsa-oaep-sha1']],
    ['oaep-sha256', ['rsa-oaep-sha256']],
    ['oaep-sha1', ['rsa-oaep-sha1']],
    ['pkcs1', ['rsa-pkcs1-v15']],
  ] as const) {
    test(`with the padding ${padding} offers ${candidates.join(', ')}`, async () => {
      const hsm = await provider.create(settings({ DINAMO_PADDING: padding }), context())
      assert.deepEqual(hsm.wrapping, { candidates, setting: 'DINAMO_PADDING' })
      assert.equal(hsm.provider, provider.name)
      assert.equal(hsm.available, true)
      await hsm.close()
    })
  }

  test('refuses more ROOT_KEY_MIN_HOSTS than there are hosts', async () => {
    await assert.rejects(
      provider.create(settings({ DINAMO_HOST: 'a,b', ROOT_KEY_MIN_HOSTS: '3' }), context()),
      refused('ROOT_KEY_MIN_HOSTS', '3'),
    )
  })

  for (const [name, value] of [
    ['DINAMO_ALLOW_STATIC_RSA', 'true'],
    ['DINAMO_OPERATION_TIMEOUT_MS', '8000'],
    ['DINAMO_CONNECT_TIMEOUT_MS', '9000'],
  ] as const) {
    test(`warns of ${name}=${value}`, async () => {
      const { logger, ...rest } = context()
      const hsm = await provider.create(settings({ [name]: value }), { logger, ...rest })
      const [line, ...more] = logger.lines
      assert.deepEqual(more, [])
      assert.equal(line?.level, 'warn')
      assert.equal(line?.fields.setting, name)
      await hsm.close()
    })
  }

  test('works with what it was configured with', async (t) => {
    const { host, port, certificateSha256 } = await simulatorFor(t)
    const configuration = settings({
      DINAMO_HOST: `${host}:${port}`,
      DINAMO_CERT_SHA256: `${FINGERPRINT}, sha256:${certificateSha256.toUpperCase()}`,
    })
    const hsm = await provider.create(configuration, context())
    t.after(() => hsm.close())
    using key = await hsm.generateDataKey()
    assert.equal(key.length, 32)
  })
})

suite('DINAMO_HOST', () => {
  test('takes names and addresses, with and without a port', () => {
    assert.deepEqual(
      parseTargets('hsm-1.example, 10.0.0.1:4434,[::1]:4435,[fe80::1],HSM').map(({ name }) => name),
      ['hsm-1.example:4433', '10.0.0.1:4434', '[::1]:4435', '[fe80::1]:4433', 'hsm:4433'],
    )
    assert.deepEqual(parseTargets('[::1]:4435'), [{ host: '::1', port: 4435, name: '[::1]:4435' }])
  })

  for (const text of [
    '',
    'a,,b',
    'a:0',
    'a:65536',
    'a:x',
    '::1',
    '[a]:1',
    'https://a',
    'a b',
    'a,A:4433',
    'a/b',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseTargets(text), refused('DINAMO_HOST', 'must be'))
    })
  }
})

suite('DINAMO_CERT_SHA256', () => {
  test('takes any case, with and without colons and prefix', () => {
    for (const text of [
      FINGERPRINT,
      FINGERPRINT.toUpperCase(),
      COLONS,
      `sha256:${COLONS}`,
      `SHA256:${FINGERPRINT}`,
    ]) {
      assert.deepEqual(parseFingerprints(` ${text} ,${text}`), [FINGERPRINT, FINGERPRINT])
    }
  })

  for (const text of [
    '',
    'ab',
    `${FINGERPRINT},`,
    `${FINGERPRINT}ab`,
    `md5:${FINGERPRINT}`,
    `${FINGERPRINT.slice(1)}x`,
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseFingerprints(text), refused('DINAMO_CERT_SHA256', 'must be'))
    })
  }
})
