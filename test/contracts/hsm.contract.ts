import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { KmsError } from '../../src/domain/errors.ts'
import { systemRandom } from '../../src/domain/random.ts'
import { isWrappingAlgorithm, type RootKeyReference } from '../../src/domain/root-key.ts'
import { SecretBytes } from '../../src/domain/secret-bytes.ts'
import { opensWhatItWraps } from '../../src/domain/self-test.ts'
import { DATA_KEY_BYTES } from '../../src/domain/wrapped-data-key.ts'
import { isRootKeyShape, publicKeySha256, wrap } from '../../src/domain/wrapping.ts'
import { canRemoveRootKeys, type HsmPort, isReplicated } from '../../src/ports/hsm.port.ts'

/** A fresh way to an HSM for one test, which also registers on the test's context how to take it away. */
export type OpenHsm = (t: TestContext) => HsmPort | Promise<HsmPort>

export interface HsmContractOptions {
  /** A fresh way to an HSM in which another one put an exportable pair of that name, as a root key would stand there. */
  readonly openWithPlanted?: (
    t: TestContext,
    id: string,
  ) => Promise<{ readonly hsm: HsmPort; readonly publicKey: KeyObject }>
}

const CALLERS = 64
const GARBAGE_ROUNDS = 40

const newName = (): string => randomBytes(16).toString('hex')

const secretOf = (length: number, byte = 0x5a): SecretBytes =>
  SecretBytes.fill(length, (bytes) => bytes.fill(byte))

const strangersPublicKey = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey

interface RootKeyInUse {
  readonly reference: RootKeyReference
  readonly publicKey: KeyObject
}

const claimFor = async (hsm: HsmPort) => ({
  id: newName(),
  ...(isReplicated(hsm) ? { place: await hsm.choosePlace() } : {}),
})

const referenceTo = (id: string, publicKey: KeyObject, hsm: HsmPort): RootKeyReference => {
  const [algorithm] = hsm.wrapping.candidates
  assert.ok(algorithm !== undefined, 'an HSM needs a candidate')
  return { id, algorithm, publicKeySha256: publicKeySha256(publicKey) }
}

/** A root key with every candidate that it opens, best first. */
const makeRootKeys = async (hsm: HsmPort): Promise<readonly [RootKeyInUse, ...RootKeyInUse[]]> => {
  const claim = await claimFor(hsm)
  const { publicKey } = await hsm.createRootKey(claim)
  const working: RootKeyInUse[] = []
  for (const algorithm of hsm.wrapping.candidates) {
    const reference = { ...referenceTo(claim.id, publicKey, hsm), algorithm }
    const unwrap = (wrapped: Buffer) => hsm.unwrapDataKey(reference, wrapped)
    if (await opensWhatItWraps(publicKey, algorithm, systemRandom, unwrap))
      working.push({ reference, publicKey })
  }
  const [first, ...others] = working
  assert.ok(first !== undefined, 'the HSM opens nothing that was wrapped with any of its candidates')
  return [first, ...others]
}

const wrapWith = ({ publicKey, reference }: RootKeyInUse, secret: SecretBytes): Buffer =>
  wrap(publicKey, reference.algorithm, secret)

const assertUnwraps = async (hsm: HsmPort, rootKey: RootKeyInUse, again?: boolean): Promise<void> => {
  using secret = SecretBytes.fill(DATA_KEY_BYTES, (bytes) => void systemRandom(bytes))
  const options = again === undefined ? undefined : { again }
  using opened = await hsm.unwrapDataKey(rootKey.reference, wrapWith(rootKey, secret), options)
  assert.ok(opened.equals(secret))
}

const isUnavailable = (error: unknown): true => {
  assert.ok(KmsError.is(error, 'hsm_unavailable'), String(error))
  return true
}

/** Blocks that give nobody's data key, each with what it must not be opened to. */
const badBlocks = (rootKey: RootKeyInUse): readonly Buffer[] => {
  using secret = secretOf(DATA_KEY_BYTES)
  const altered = wrapWith(rootKey, secret)
  altered.writeUInt8(altered.readUInt8(128) ^ 1, 128)
  return [
    Buffer.alloc(256),
    Buffer.alloc(256, 0xff),
    randomBytes(256),
    altered,
    wrap(strangersPublicKey(), rootKey.reference.algorithm, secret),
  ]
}

/**
 * What every adapter of HsmPort must do; relies on nothing but the ports and the domain, so that it can be run
 * over an adapter that is kept elsewhere.
 */
export const hsmContract = (
  name: string,
  open: OpenHsm,
  { openWithPlanted }: HsmContractOptions = {},
): void => {
  suite(`HSM contract: ${name}`, () => {
    test('says who it is, what may wrap for it, and which variable chooses that', async (t) => {
      const { provider, wrapping, available } = await open(t)
      assert.notEqual(provider, '')
      assert.ok(wrapping.candidates.length > 0)
      assert.ok(wrapping.candidates.every(isWrappingAlgorithm))
      assert.equal(new Set(wrapping.candidates).size, wrapping.candidates.length)
      assert.match(wrapping.setting, /^[A-Z][A-Z0-9_]*$/)
      assert.equal(available, true)
    })

    test('makes an RSA-2048 root key and gives its public half alone', async (t) => {
      const hsm = await open(t)
      const claim = await claimFor(hsm)
      const { outcome, publicKey } = await hsm.createRootKey(claim)
      assert.equal(outcome, 'created')
      assert.equal(publicKey.type, 'public')
      assert.ok(isRootKeyShape(publicKey))
      const read = await hsm.getPublicKey(referenceTo(claim.id, publicKey, hsm))
      assert.equal(read?.equals(publicKey), true)
      assert.equal(read?.type, 'public')
    })

    test('leaves a root key that exists as it is, and gives its public half', async (t) => {
      const hsm = await open(t)
      const claim = await claimFor(hsm)
      const first = await hsm.createRootKey(claim)
      const second = await hsm.createRootKey(claim)
      assert.equal(second.outcome, 'exists')
      assert.ok(second.publicKey.equals(first.publicKey))
    })

    test('makes one root key of a name, however many ask at once', async (t) => {
      const hsm = await open(t)
      if (canRemoveRootKeys(hsm)) {
        t.skip('names are not unique in this HSM: the store decides, and the second pair is removed')
        return
      }
      const claim = await claimFor(hsm)
      const made = await Promise.all([1, 2, 3].map(() => hsm.createRootKey(claim)))
      assert.equal(made.filter(({ outcome }) => outcome === 'created').length, 1)
      assert.equal(new Set(made.map(({ publicKey }) => publicKeySha256(publicKey))).size, 1)
    })

    test('makes different root keys under different names', async (t) => {
      const hsm = await open(t)
      const one = await hsm.createRootKey(await claimFor(hsm))
      const other = await hsm.createRootKey(await claimFor(hsm))
      assert.ok(!one.publicKey.equals(other.publicKey))
    })

    test('knows no public half of a root key that was never made', async (t) => {
      const hsm = await open(t)
      assert.equal(await hsm.getPublicKey(referenceTo(newName(), strangersPublicKey(), hsm)), undefined)
    })

    test('finds a root key as it made it', async (t) => {
      const hsm = await open(t)
      const claim = await claimFor(hsm)
      const { publicKey } = await hsm.createRootKey(claim)
      assert.equal(await hsm.checkRootKeyOrigin(referenceTo(claim.id, publicKey, hsm)), undefined)
    })

    test('finds fault with a root key that was never made', async (t) => {
      const hsm = await open(t)
      const flaw = await hsm.checkRootKeyOrigin(referenceTo(newName(), strangersPublicKey(), hsm))
      assert.notEqual(flaw ?? '', '')
    })

    test('finds fault with an exportable key that was planted under a root key’s name', async (t) => {
      if (openWithPlanted === undefined) {
        t.skip('nothing can be planted in this HSM')
        return
      }
      const id = newName()
      const { hsm, publicKey } = await openWithPlanted(t, id)
      const reference = referenceTo(id, publicKey, hsm)
      assert.equal((await hsm.getPublicKey(reference))?.equals(publicKey), true)
      assert.notEqual((await hsm.checkRootKeyOrigin(reference)) ?? '', '')
    })

    test('makes data keys of 32 bytes that all differ, each its caller’s alone', async (t) => {
      const hsm = await open(t)
      const keys = await Promise.all(Array.from({ length: CALLERS }, () => hsm.generateDataKey()))
      for (const key of keys) assert.equal(key.length, DATA_KEY_BYTES)
      assert.equal(new Set(keys.map(({ bytes }) => bytes.toString('hex'))).size, CALLERS)
      const [first, second] = keys as [SecretBytes, SecretBytes]
      using copy = SecretBytes.copyOf(second.bytes)
      first[Symbol.dispose]()
      assert.ok(second.equals(copy))
      for (const key of keys) key[Symbol.dispose]()
    })

    test('unwraps what was wrapped with the public half, with every candidate that works', async (t) => {
      const hsm = await open(t)
      for (const rootKey of await makeRootKeys(hsm)) {
        await assertUnwraps(hsm, rootKey)
        await assertUnwraps(hsm, rootKey, false)
        await assertUnwraps(hsm, rootKey, true)
      }
    })

    test('leaves what it is given to unwrap as it is', async (t) => {
      const hsm = await open(t)
      const [rootKey] = await makeRootKeys(hsm)
      using secret = secretOf(DATA_KEY_BYTES)
      const wrapped = wrapWith(rootKey, secret)
      const copy = Buffer.from(wrapped)
      using opened = await hsm.unwrapDataKey(rootKey.reference, wrapped)
      assert.ok(opened.equals(secret))
      assert.deepEqual(wrapped, copy)
    })

    test('unwraps short and long values to what they are', async (t) => {
      const hsm = await open(t)
      const [rootKey] = await makeRootKeys(hsm)
      for (const length of [1, 31, 33, 100]) {
        using secret = secretOf(length)
        using opened = await hsm.unwrapDataKey(rootKey.reference, wrapWith(rootKey, secret))
        assert.ok(opened.equals(secret), `${length} bytes`)
      }
    })

    test('answers what does not open, and goes on as before', async (t) => {
      const hsm = await open(t)
      const [rootKey] = await makeRootKeys(hsm)
      using secret = secretOf(DATA_KEY_BYTES)
      for (const block of badBlocks(rootKey)) {
        for (const again of [false, true]) {
          using opened = await hsm.unwrapDataKey(rootKey.reference, block, { again })
          assert.ok(!opened.equals(secret))
        }
      }
      for (let round = 0; round < GARBAGE_ROUNDS; round++) {
        using _opened = await hsm.unwrapDataKey(rootKey.reference, randomBytes(256))
      }
      assert.equal(hsm.available, true)
      await assertUnwraps(hsm, rootKey)
    })

    test('does not unwrap with one root key what another one wrapped', async (t) => {
      const hsm = await open(t)
      const [one] = await makeRootKeys(hsm)
      const [other] = await makeRootKeys(hsm)
      using secret = secretOf(DATA_KEY_BYTES)
      using opened = await hsm.unwrapDataKey(other.reference, wrapWith(one, secret))
      assert.ok(!opened.equals(secret))
    })

    test(`gives each of ${CALLERS} callers at once what is its own`, async (t) => {
      const hsm = await open(t)
      const [rootKey] = await makeRootKeys(hsm)
      const dataKeys = new Set<string>()
      await Promise.all(
        Array.from({ length: CALLERS }, async (_, caller) => {
          using secret = secretOf(DATA_KEY_BYTES, caller)
          using opened = await hsm.unwrapDataKey(rootKey.reference, wrapWith(rootKey, secret))
          assert.ok(opened.equals(secret), `caller ${caller}`)
          using garbage = await hsm.unwrapDataKey(rootKey.reference, randomBytes(256))
          assert.ok(!garbage.equals(secret))
          using dataKey = await hsm.generateDataKey()
          assert.equal(dataKey.length, DATA_KEY_BYTES)
          dataKeys.add(dataKey.bytes.toString('hex'))
        }),
      )
      assert.equal(dataKeys.size, CALLERS)
    })

    test('closes once and for all', async (t) => {
      const hsm = await open(t)
      const [{ reference, publicKey }] = await makeRootKeys(hsm)
      await hsm.close()
      await hsm.close()
      assert.equal(hsm.available, false)
      await assert.rejects(hsm.createRootKey({ id: newName() }), isUnavailable)
      await assert.rejects(hsm.getPublicKey(reference), isUnavailable)
      await assert.rejects(hsm.checkRootKeyOrigin(reference), isUnavailable)
      await assert.rejects(hsm.generateDataKey(), isUnavailable)
      using secret = secretOf(DATA_KEY_BYTES)
      const wrapped = wrap(publicKey, reference.algorithm, secret)
      await assert.rejects(hsm.unwrapDataKey(reference, wrapped), isUnavailable)
    })

    test('ends what is under way when it is closed', async (t) => {
      const hsm = await open(t)
      const [rootKey] = await makeRootKeys(hsm)
      const underWay = Promise.allSettled([
        ...Array.from({ length: 8 }, () => assertUnwraps(hsm, rootKey)),
        ...Array.from({ length: 8 }, async () => (await hsm.generateDataKey())[Symbol.dispose]()),
      ])
      await hsm.close()
      for (const outcome of await underWay) {
        if (outcome.status === 'rejected') isUnavailable(outcome.reason)
      }
    })

    test('where there are several devices: chooses a place, and proves a root key on them', async (t) => {
      const hsm = await open(t)
      if (!isReplicated(hsm)) {
        t.skip('not an HSM of several devices')
        return
      }
      const place = await hsm.choosePlace()
      assert.notEqual(place, '')
      const [{ reference, publicKey }] = await makeRootKeys(hsm)
      await hsm.proveDevices(reference, publicKey, { fresh: true })
      await hsm.proveDevices(reference, publicKey, { fresh: false })
    })

    test('where root keys can be removed: removes the pair of that public half and no other', async (t) => {
      const hsm = await open(t)
      if (!canRemoveRootKeys(hsm)) {
        t.skip('this HSM can’t remove root keys')
        return
      }
      const [rootKey] = await makeRootKeys(hsm)
      const { id } = rootKey.reference
      await hsm.destroyRootKey({ id, publicKeySha256: publicKeySha256(strangersPublicKey()) })
      await assertUnwraps(hsm, rootKey)
      await hsm.destroyRootKey(rootKey.reference)
      assert.equal(await hsm.getPublicKey(rootKey.reference), undefined)
    })
  })
}
