import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DinamoHsm } from '../../../../src/adapters/hsm/dinamo/dinamo-hsm.ts'
import { openMemoryKeyRepository } from '../../../../src/adapters/repository/memory/memory-key-repository.ts'
import { KmsError } from '../../../../src/domain/errors.ts'
import { systemClock, systemRandom, systemSleep } from '../../../../src/domain/random.ts'
import { ROOT_KEY_SCOPES } from '../../../../src/domain/root-key.ts'
import { openRootKeyring } from '../../../../src/domain/root-keys/open-root-keyring.ts'
import type { RootKeyring } from '../../../../src/domain/root-keys/root-keyring.ts'
import { publicKeySha256 } from '../../../../src/domain/wrapping.ts'
import type { KeyRepositoryPort } from '../../../../src/ports/key-repository.port.ts'
import { FaultPlan } from '../../../../src/simulator/fault-plan.ts'
import type { FaultSource } from '../../../../src/simulator/faults.ts'
import { ObjectStore } from '../../../../src/simulator/object-store.ts'
import { USER } from '../../../support/simulator.ts'
import { Devices, type OpenOptions, openOver, RecordedLog } from './support.ts'

const TIMEOUT = { timeout: 120_000 }

let starts = 0
const start = (
  hsm: DinamoHsm,
  repository: KeyRepositoryPort,
  startTimeoutMs = 30_000,
): Promise<RootKeyring> =>
  openRootKeyring({
    origin: { setting: 'STORE_ANCHOR', mayMake: true },
    hsms: [hsm],
    repository,
    logger: new RecordedLog(),
    random: systemRandom,
    clock: systemClock,
    sleep: systemSleep,
    owner: `instance-${starts++}`,
    startTimeoutMs,
  })

suite('a start with Dinamo hosts', TIMEOUT, () => {
  test('20 of them, many at once, make one root key for each scope', async (t) => {
    const names = new Set<string>()
    const faults: FaultSource = {
      pick: ({ operation, key = '' }) => {
        // The names of data keys are hexadecimal.
        if (operation === 'key.create' && /[g-z]/.test(key)) names.add(key)
        return undefined
      },
    }
    const devices = await Devices.start(t, 2, { faults })
    const repository = await openMemoryKeyRepository()
    const together = await Promise.all(
      Array.from({ length: 10 }, () => start(openOver(t, devices), repository)),
    )
    const idsOf = (keyring: RootKeyring) => ROOT_KEY_SCOPES.map((scope) => keyring.wrapping(scope).rootKey.id)
    const ids = new Set(together.flatMap(idsOf))
    for (let one = 0; one < 10; one++) {
      for (const id of idsOf(await start(openOver(t, devices), repository))) ids.add(id)
    }
    assert.equal(ids.size, 3)
    assert.deepEqual(names, ids)
  })

  for (const [name, fault] of [
    ['before it is made', { at: { stage: 'request', operation: 'key.create' }, fault: { kind: 'rst' } }],
    ['after it was made', { at: 'key.create', fault: { kind: 'rst' } }],
    ['before its public half is read', { at: 'key.exportPublic', fault: { kind: 'fin' } }],
    ['during the self-test', { at: 'dataUnenvelop', fault: { kind: 'silent' } }],
  ] as const) {
    test(`a connection lost ${name} leaves one root key for each scope`, async (t) => {
      const plan = new FaultPlan()
      const devices = await Devices.start(t, 2, { faults: plan })
      plan.next(fault.at, fault.fault)
      const hsm = openOver(t, devices, { session: { operationTimeoutMs: 1_000 } })
      const repository = await openMemoryKeyRepository()
      const keyring = await start(hsm, repository)
      assert.equal(plan.pending, 0)
      assert.deepEqual(
        await repository.listRootKeys(),
        ROOT_KEY_SCOPES.map((scope) => keyring.wrapping(scope).rootKey),
      )
    })
  }

  for (const [padding, candidates, algorithm] of [
    ['oaep-sha256', undefined, 'rsa-oaep-sha256'],
    ['oaep-sha1', undefined, 'rsa-oaep-sha1'],
    ['pkcs1', ['rsa-pkcs1-v15'], 'rsa-pkcs1-v15'],
  ] as const) {
    test(`finds the padding of a device with ${padding}`, async (t) => {
      const options: OpenOptions = candidates === undefined ? {} : { candidates }
      const hsm = openOver(t, await Devices.start(t, 1, { padding }), options)
      assert.equal(
        (await start(hsm, await openMemoryKeyRepository())).wrapping('row-user').rootKey.algorithm,
        algorithm,
      )
    })
  }

  test('is refused where the padding does not fit, naming DINAMO_PADDING', async (t) => {
    const hsm = openOver(t, await Devices.start(t, 1, { padding: 'pkcs1' }))
    await assert.rejects(
      start(hsm, await openMemoryKeyRepository()),
      (error) => KmsError.is(error, 'start_refused') && error.message.includes('DINAMO_PADDING=pkcs1'),
    )
  })

  test('is refused where the HSM keeps the public half, naming DINAMO_ROOT_KEY_EXPORTABLE', async (t) => {
    const faults = new FaultPlan()
    const devices = await Devices.start(t, 1, { faults })
    faults.next('key.exportPublic', { kind: 'error', code: 5002 })
    await assert.rejects(
      start(openOver(t, devices), await openMemoryKeyRepository()),
      (error) =>
        KmsError.is(error, 'start_refused') && error.message.includes('DINAMO_ROOT_KEY_EXPORTABLE=true'),
    )
  })

  test('is refused where the root key can be exported, unless root keys are configured so', async (t) => {
    const devices = await Devices.start(t, 2)
    const repository = await openMemoryKeyRepository()
    const exportable = { session: { rootKeyExportable: true } }
    const current = (await start(openOver(t, devices, exportable), repository)).wrapping('row-user')
    await assert.rejects(
      start(openOver(t, devices), repository),
      (error) =>
        KmsError.is(error, 'start_refused') &&
        error.message.includes(current.rootKey.id) &&
        error.message.includes('it can be exported'),
    )
    await start(openOver(t, devices, exportable), repository)
  })

  test('is refused where one host alone lets the root key out, naming that host', async (t) => {
    const devices = await Devices.start(t, 2)
    const [one, other] = devices.targets
    assert.ok(one && other)
    const hsm = openOver(t, devices, { proveTimeoutMs: 1_500 })
    const id = 'e'.repeat(32)
    const { publicKey } = await hsm.createRootKey({ id, place: one.name })
    const name = `${USER.username}/${id}`
    const held = devices.state.objects.find(name)
    assert.ok(held !== undefined)
    await devices.kill(1)
    await devices.bringBack(1, { objects: new ObjectStore([[name, { ...held, exportable: true }]]) })
    const reference = {
      id,
      algorithm: 'rsa-oaep-sha256',
      publicKeySha256: publicKeySha256(publicKey),
    } as const
    await assert.rejects(
      hsm.proveDevices(reference, publicKey, { fresh: true }),
      (error) =>
        KmsError.is(error, 'start_refused') &&
        error.message.includes(other.name) &&
        error.message.includes('it can be exported'),
    )
  })

  test('that waited in vain says why', async (t) => {
    const devices = await Devices.start(t, 1)
    const hsm = openOver(t, devices, { session: { certificateSha256: ['0'.repeat(64)] } })
    await assert.rejects(
      start(hsm, await openMemoryKeyRepository(), 1),
      (error) => KmsError.is(error, 'hsm_unavailable') && error.message.includes('certificate'),
    )
  })

  test('is refused where the HSM does not know the root key', async (t) => {
    const repository = await openMemoryKeyRepository()
    const current = (await start(openOver(t, await Devices.start(t, 1)), repository)).wrapping('row-user')
    await assert.rejects(
      start(openOver(t, await Devices.start(t, 1)), repository),
      (error) => KmsError.is(error, 'start_refused') && error.message.includes(current.rootKey.id),
    )
  })

  test('with a root key in use works while one of two hosts is down', async (t) => {
    const devices = await Devices.start(t, 2)
    const repository = await openMemoryKeyRepository()
    await start(openOver(t, devices), repository)
    for (const index of [0, 1]) {
      await devices.kill(index)
      await start(openOver(t, devices), repository)
      await devices.bringBack(index)
    }
  })
})
