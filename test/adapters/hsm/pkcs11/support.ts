import assert from 'node:assert/strict'
import { Pkcs11Hsm, type Pkcs11HsmOptions } from '../../../../src/adapters/hsm/pkcs11/pkcs11-hsm.ts'
import { Token, type TokenOptions } from '../../../../src/adapters/hsm/pkcs11/token.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import { systemRandom } from '../../../../src/domain/random.ts'
import { SecretBytes } from '../../../../src/domain/secret-bytes.ts'
import { keepingLogger, type LoggedLine } from '../../../support/logger.ts'
import type { Scope, SoftHsmToken } from '../../../support/softhsm.ts'

export const ROOT_KEY_ID = 'k'.repeat(32)

export const isUnavailable = (error: unknown): true => {
  assert.ok(KmsError.is(error, 'hsm_unavailable'), String(error))
  return true
}

export interface Opened {
  readonly hsm: Pkcs11Hsm
  readonly token: Token
  readonly lines: readonly LoggedLine[]
}

export interface OpenOptions extends Partial<Pkcs11HsmOptions> {
  readonly pin?: string
  readonly choice?: TokenOptions['choice']
  readonly operationTimeoutMs?: number
  readonly startTimeoutMs?: number
}

/** An HSM on that token, closed after the test. Its timeouts are long: a test that lets one pass sets it. */
export const openPkcs11 = async (
  scope: Scope,
  softHsm: Omit<SoftHsmToken, 'remove' | 'putBack'>,
  options: OpenOptions = {},
): Promise<Opened> => {
  const {
    pin = softHsm.pin,
    choice = { label: softHsm.label },
    operationTimeoutMs = 30_000,
    startTimeoutMs = 30_000,
    ...rest
  } = options
  const { logger, lines } = keepingLogger()
  const token = new Token({
    libraryPath: softHsm.library,
    choice,
    pin: SecretBytes.fromUtf8(pin),
    process: { environment: softHsm.environment, threads: rest.maxSessions ?? 8 },
    startTimeoutMs,
    session: { operationTimeoutMs, rsaTimeoutMs: 60_000, random: systemRandom },
  })
  await token.load()
  const hsm = new Pkcs11Hsm({
    token,
    name: softHsm.label,
    candidates: ['rsa-oaep-sha256', 'rsa-oaep-sha1'],
    deadlineMs: 60_000,
    rsaTimeoutMs: 60_000,
    maxSessions: 8,
    logger,
    ...rest,
  })
  scope.after(() => hsm.close())
  return { hsm, token, lines }
}
