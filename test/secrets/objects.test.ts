import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { parseAuditKey } from '../../src/adapters/audit/audit-key.ts'
import { nodeSjclCipher } from '../../src/adapters/cipher/node/node-sjcl-cipher.ts'
import { provider as pkcs11 } from '../../src/adapters/hsm/pkcs11/provider.ts'
import { forgetSecrets } from '../../src/config/configuration.ts'
import { auditedOperations } from '../../src/domain/audited-operations.ts'
import { UNRESTRICTED } from '../../src/domain/caller.ts'
import { errorFields } from '../../src/domain/error-fields.ts'
import { KmsError } from '../../src/domain/errors.ts'
import { systemClock, systemRandom } from '../../src/domain/random.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { jsonObject } from '../../src/http/responses/json-bytes.ts'
import { openInside } from '../hazards/support/opened-session.ts'
import { KEY, testApp } from '../http/support/app.ts'
import { memoryOperations } from '../http/support/operations.ts'
import { sendRaw, walletRequest } from '../http/support/raw-client.ts'
import { secretText } from '../memory/support/secrets.ts'
import { keepingLogger } from '../support/logger.ts'
import { simulatorFor, USER } from '../support/simulator.ts'
import { missingSoftHsm, softHsmToken } from '../support/softhsm.ts'
import { testConfiguration } from './support/configuration.ts'

const REQUEST = { requestId: 'r', address: '127.0.0.1', caller: UNRESTRICTED }

/** Every spelling in which a value could be printed. */
const spellings = (secret: string | Buffer): readonly string[] => {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex').slice(0, 32)
  return [
    bytes.toString('latin1'),
    bytes.toString('base64').slice(0, 24),
    hex,
    hex.replaceAll(/(..)(?=.)/g, '$1 '),
    [...bytes.subarray(0, 8)].join(', '),
    [...bytes.subarray(0, 8)].join(','),
  ]
}

const printed = (value: unknown): string => {
  const shown = [
    inspect(value, { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null }),
    String(value),
  ]
  try {
    shown.push(JSON.stringify(value) ?? '')
  } catch {
    // Sockets refer to themselves: JSON can't print them.
  }
  return shown.join('\n')
}

const assertPrintsNone = (name: string, value: unknown, secrets: readonly (string | Buffer)[]): void => {
  const text = printed(value)
  for (const secret of secrets) {
    for (const spelling of spellings(secret)) assert.ok(!text.includes(spelling), `${name} prints a secret`)
  }
}

test('a value that does hold a secret is seen to print it, in each way', () => {
  const key = randomBytes(32)
  for (const value of [key, { key: key.toString('base64') }, new Error(key.toString('hex')), [...key]]) {
    assert.throws(() => assertPrintsNone('it', value, [key]), /prints a secret/)
  }
})

test('the inputs and results of operations print no secret', async () => {
  const prv = secretText(111)
  const operations = memoryOperations()
  using secret = SecretBytes.fromUtf8(prv)
  const input = { ...KEY, prv: secret }
  await operations.storePrivateKey(input, REQUEST)
  const read = await operations.getPrivateKey({ pub: KEY.pub, source: KEY.source }, REQUEST)
  const made = await operations.generateDataKey({ keyType: 'AES-256' }, REQUEST)
  const opened = await operations.decryptDataKey({ encryptedKey: made.encryptedKey }, REQUEST)
  const secrets = [prv, Buffer.from(made.plaintextKey.bytes)]
  using json = jsonObject({ prv: secret })
  for (const [name, value] of Object.entries({ input, read, made, opened, json, secret })) {
    assertPrintsNone(name, value, secrets)
    assert.ok(!inspect(value, { customInspect: false, depth: Infinity, showHidden: true }).includes(prv))
  }
})

test('a request prints no secret once its body was read', async (t) => {
  const prv = secretText(895)
  const { app } = testApp(t)
  const failures: unknown[] = []
  app.addHook('preHandler', async ({ body, bodySecrets, raw }) => {
    try {
      assertPrintsNone('the body', body, [prv])
      assertPrintsNone('its secrets', bodySecrets, [prv])
      const shown = inspect(raw, { depth: 6, showHidden: true, maxArrayLength: null })
      for (const spelling of spellings(prv))
        assert.ok(!shown.includes(spelling), 'the request prints its body')
      failures.push('none')
    } catch (error) {
      failures.push(error)
    }
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const { status } = await sendRaw(port, walletRequest('POST', '/key', { ...KEY, prv, seed: prv }))
  assert.deepEqual([status, failures], [200, ['none']])
})

test('errors print no secret, with all that caused them', async () => {
  const dataKey = randomBytes(32)
  using key = SecretBytes.copyOf(dataKey)
  const prv = secretText(111)
  using secret = SecretBytes.fromUtf8(prv)
  const cipher = nodeSjclCipher()
  const envelope = await cipher.encrypt(secret, key, Buffer.from('context'))
  const failing = memoryOperations({
    getPrivateKey: () =>
      cipher.decrypt(envelope.replace(/.{8}"\}$/, 'AAAAAA=="}'), key, Buffer.from('context')) as never,
  })
  const audited = auditedOperations(failing, {
    record: async () => {
      throw new KmsError('audit_unavailable')
    },
  } as never)
  const outcomes = await Promise.allSettled<unknown>([
    failing.getPrivateKey(KEY, REQUEST),
    audited.generateDataKey({ keyType: 'AES-256' }, REQUEST),
    audited.storePrivateKey({ ...KEY, prv: secret }, REQUEST),
  ])
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined))
  for (const error of errors) {
    assert.ok(KmsError.is(error), String(error))
    assertPrintsNone('the error', error, [dataKey, prv])
    assertPrintsNone('what is logged of it', errorFields(error), [dataKey, prv])
  }
})

test('the configuration, and all that is made of it, prints no credential', async (t) => {
  const { configuration, secrets } = await testConfiguration(t)
  assertPrintsNone('the configuration', configuration, secrets)
  const { service, providers } = configuration
  assertPrintsNone('the audit key', parseAuditKey(service.AUDIT_KEY ?? ''), secrets)
  const [{ provider, settings }] = providers
  const { logger, lines } = keepingLogger()
  const hsm = await provider.create(settings, { logger, clock: systemClock, random: systemRandom })
  t.after(() => hsm.close())
  using dataKey = await hsm.generateDataKey()
  const all = [...secrets, Buffer.from(dataKey.bytes)]
  assertPrintsNone('the HSM with an open session', hsm, all)
  assertPrintsNone('the log', lines, all)

  const environment = { DINAMO_PASSWORD: 'x', AUDIT_KEY: 'y', PATH: 'z' }
  forgetSecrets(environment, configuration, [])
  assert.deepEqual(environment, { PATH: 'z' })
})

test('an open session prints neither password nor keys', async (t) => {
  const { session, channel, socket } = await openInside(t, await simulatorFor(t))
  using key = await session.makeDataKey('printed')
  for (const [name, value] of Object.entries({ session, channel, socket })) {
    assertPrintsNone(name, value, [USER.password, Buffer.from(key.bytes)])
  }
})

test('a PKCS#11 token prints no PIN and no key', { skip: missingSoftHsm() ?? false }, async (t) => {
  const token = await softHsmToken(t)
  process.env.SOFTHSM2_CONF = token.environment.SOFTHSM2_CONF
  t.after(() => delete process.env.SOFTHSM2_CONF)
  const { logger, lines } = keepingLogger()
  const settings = {
    PKCS11_LIBRARY: token.library,
    PKCS11_TOKEN_LABEL: token.label,
    PKCS11_PIN: token.pin,
    PKCS11_PADDING: 'auto',
    PKCS11_MAX_SESSIONS: 1,
    PKCS11_OPERATION_TIMEOUT_MS: 30_000,
    HSM_DEADLINE_MS: 60_000,
  } as const
  const hsm = await pkcs11.create(settings, { logger, clock: systemClock, random: systemRandom })
  t.after(() => hsm.close())
  using key = await hsm.generateDataKey()
  for (const [name, value] of Object.entries({ hsm, lines })) {
    assertPrintsNone(name, value, [token.pin, Buffer.from(key.bytes)])
  }
})
