import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import type { TestContext } from 'node:test'
import {
  type DinamoSession,
  type DinamoSessionOptions,
  type DinamoTarget,
  openDinamoSession,
} from '../../../../../src/adapters/hsm/dinamo/session/dinamo-session.ts'
import {
  SessionError,
  type SessionErrorKind,
} from '../../../../../src/adapters/hsm/dinamo/session/session-error.ts'
import type { WrappingAlgorithm } from '../../../../../src/domain/root-key.ts'
import { SecretBytes } from '../../../../../src/domain/secret-bytes.ts'
import { wrap } from '../../../../../src/domain/wrapping.ts'
import { FaultPlan } from '../../../../../src/simulator/fault-plan.ts'
import type { Simulator, SimulatorOptions } from '../../../../../src/simulator/simulator.ts'
import { type Credentials, simulatorFor, USER } from '../../../../support/simulator.ts'

/** Long enough for a slow machine; where a deadline must pass, a test gives a short one. */
const PATIENT_MS = 20_000
export const SHORT_MS = 200

export const credentialsOf = ({ username, password }: Credentials) => {
  const secret = SecretBytes.fromUtf8(password)
  return () => ({ username, password: secret })
}

export const optionsFor = (
  certificateSha256: string,
  overrides: Partial<DinamoSessionOptions> = {},
): DinamoSessionOptions => ({
  credentials: credentialsOf(USER),
  certificateSha256: [certificateSha256],
  connectTimeoutMs: PATIENT_MS,
  operationTimeoutMs: PATIENT_MS,
  rsaTimeoutMs: PATIENT_MS,
  allowStaticRsa: false,
  rootKeyExportable: false,
  ...overrides,
})

/** A session that is destroyed after the test. */
export const openFor = async (
  t: TestContext,
  target: DinamoTarget & { readonly certificateSha256: string },
  overrides: Partial<DinamoSessionOptions> = {},
): Promise<DinamoSession> => {
  const { host, port, certificateSha256 } = target
  const session = await openDinamoSession({ host, port }, optionsFor(certificateSha256, overrides))
  t.after(() => session.destroy())
  return session
}

export interface Setup {
  readonly faults: FaultPlan
  readonly simulator: Simulator
  readonly session: DinamoSession
}

export const sessionFor = async (
  t: TestContext,
  overrides: Partial<DinamoSessionOptions> = {},
  simulated: Partial<SimulatorOptions> = {},
): Promise<Setup> => {
  const faults = new FaultPlan()
  const simulator = await simulatorFor(t, { faults, ...simulated })
  return { faults, simulator, session: await openFor(t, simulator, overrides) }
}

export const ROOT = 'root'

export interface RootKeySetup extends Setup {
  readonly publicKey: KeyObject
  /** A value, and what unwrapping must give it back for. */
  readonly value: SecretBytes
  readonly block: Buffer
}

/** With a root key, and a value that it wraps. */
export const rootKeyFor = async (
  t: TestContext,
  overrides: Partial<DinamoSessionOptions> = {},
  simulated: Partial<SimulatorOptions> = {},
): Promise<RootKeySetup> => {
  const setup = await sessionFor(t, overrides, simulated)
  await setup.session.createRootKey(ROOT)
  const publicKey = await setup.session.exportPublicKey(ROOT)
  assert.ok(publicKey)
  const value = secretOf(7)
  return { ...setup, publicKey, value, block: wrapped(publicKey, value) }
}

export const secretOf = (byte: number, length = 32): SecretBytes =>
  SecretBytes.fill(length, (bytes) => bytes.fill(byte))

export const wrapped = (
  publicKey: KeyObject,
  value: SecretBytes,
  algorithm: WrappingAlgorithm = 'rsa-oaep-sha256',
): Buffer => wrap(publicKey, algorithm, value)

export const failsWith =
  (kind: SessionErrorKind, code?: number) =>
  (error: unknown): true => {
    assert.ok(error instanceof SessionError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.equal(error.code, code)
    return true
  }

/** Fails, and leaves nothing that could be used again. */
export const assertFails = async (
  session: DinamoSession,
  operation: Promise<unknown>,
  kind: SessionErrorKind,
  code?: number,
): Promise<void> => {
  await assert.rejects(operation, failsWith(kind, code))
  assert.equal(session.usable, false)
  await assert.rejects(session.makeDataKey('after'), failsWith('closed'))
}

const POLL_MS = 10

/** Waits for what another process or the network brings about. */
export const eventually = async (what: string, condition: () => boolean): Promise<void> => {
  const until = Date.now() + PATIENT_MS
  while (!condition()) {
    assert.ok(Date.now() < until, `never came about: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
