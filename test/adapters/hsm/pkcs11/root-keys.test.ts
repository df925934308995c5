import assert from 'node:assert/strict'
import { createHash, createPublicKey } from 'node:crypto'
import { after, suite, test } from 'node:test'
import {
  type Attributes,
  type Cryptoki,
  findObjects,
  type Handle,
  loadCryptoki,
  readAttributes,
} from '../../../../src/adapters/hsm/pkcs11/child/cryptoki.ts'
import { Refused } from '../../../../src/adapters/hsm/pkcs11/child/refusal.ts'
import { RootKeys } from '../../../../src/adapters/hsm/pkcs11/child/root-keys.ts'
import { Token } from '../../../../src/adapters/hsm/pkcs11/child/token.ts'
import { missingSoftHsm, softHsmToken } from '../../../support/softhsm.ts'

const missing = missingSoftHsm()

interface Bench {
  readonly cryptoki: Cryptoki
  readonly session: Handle
  readonly token: Token
  readonly rootKeys: RootKeys
}

let lastLabel = 0
const newLabel = (): string => `label${++lastLabel}`.padEnd(32, 'x')

const isKeys = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Refused && error.refusal === 'keys', String(error))
  assert.match(error.message, pattern)
  return true
}

/** The library, in this process: what is looked at are the objects that it makes. */
const openBench = async (): Promise<Bench> => {
  const softHsm = await softHsmToken({ after })
  process.env.SOFTHSM2_CONF = softHsm.environment.SOFTHSM2_CONF
  const cryptoki = loadCryptoki(softHsm.library)
  const token = Token.open(cryptoki, { label: softHsm.label, slot: '' }, softHsm.pin)
  return { cryptoki, session: token.session(token.openSession()), token, rootKeys: new RootKeys(token) }
}

suite('root keys in a token', { skip: missing }, async () => {
  const { cryptoki, session, token, rootKeys } = missing === undefined ? await openBench() : ({} as Bench)
  const ck = cryptoki?.ck
  const mechanism = ck?.CKM_RSA_PKCS_OAEP

  const objects = (label: string, objectClass: number): readonly Handle[] =>
    findObjects(
      cryptoki,
      session,
      [
        { type: ck.CKA_LABEL, value: label },
        { type: ck.CKA_CLASS, value: objectClass },
      ],
      5,
    )

  const makePair = (label: string, privateTemplate: Attributes = []): Handle => {
    const both = [
      { type: ck.CKA_TOKEN, value: true },
      { type: ck.CKA_LABEL, value: label },
    ]
    const { privateKey } = cryptoki.library.C_GenerateKeyPair(
      session,
      { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN },
      [...both, { type: ck.CKA_MODULUS_BITS, value: 2048 }],
      [...both, { type: ck.CKA_DECRYPT, value: true }, ...privateTemplate],
    )
    return privateKey
  }

  const STAYS: Attributes = [
    { type: ck?.CKA_SENSITIVE ?? 0, value: true },
    { type: ck?.CKA_EXTRACTABLE ?? 0, value: false },
  ]

  test('are permanent, never leave, and decrypt with the one mechanism alone', async () => {
    const label = newLabel()
    const { created } = await rootKeys.create(session, label, mechanism)
    assert.equal(created, true)
    const [privateKey] = objects(label, ck.CKO_PRIVATE_KEY)
    assert.ok(privateKey !== undefined)
    const wanted = [
      ['CKA_TOKEN', 1],
      ['CKA_PRIVATE', 1],
      ['CKA_SENSITIVE', 1],
      ['CKA_EXTRACTABLE', 0],
      ['CKA_NEVER_EXTRACTABLE', 1],
      ['CKA_ALWAYS_SENSITIVE', 1],
      ['CKA_DECRYPT', 1],
      ['CKA_SIGN', 0],
      ['CKA_SIGN_RECOVER', 0],
      ['CKA_UNWRAP', 0],
    ] as const
    const types = wanted.map(([name]) => ck[name])
    const values = readAttributes(cryptoki, session, privateKey, types)
    assert.deepEqual(
      values.map((value) => value?.[0]),
      wanted.map(([, value]) => value),
    )
    const [allowed] = readAttributes(cryptoki, session, privateKey, [ck.CKA_ALLOWED_MECHANISMS])
    assert.equal(allowed?.readUInt32LE(), mechanism)
    assert.equal(allowed?.length, session.length)
  })

  test('have SHA-256 of the public half as CKA_ID, both halves', async () => {
    const label = newLabel()
    const { spki } = await rootKeys.create(session, label, mechanism)
    const id = createHash('sha256').update(spki).digest()
    for (const objectClass of [ck.CKO_PRIVATE_KEY, ck.CKO_PUBLIC_KEY]) {
      const [object] = objects(label, objectClass)
      assert.ok(object !== undefined)
      assert.deepEqual(readAttributes(cryptoki, session, object, [ck.CKA_ID]), [id])
    }
    assert.equal(
      createPublicKey({ key: spki, format: 'der', type: 'spki' }).asymmetricKeyDetails?.modulusLength,
      2048,
    )
  })

  test('without their id are taken up by whoever holds the claim, and by nobody else', async () => {
    const label = newLabel()
    const privateKey = makePair(label, STAYS)
    const [modulus, exponent] = readAttributes(cryptoki, session, privateKey, [
      ck.CKA_MODULUS,
      ck.CKA_PUBLIC_EXPONENT,
    ]).map((value) => value?.toString('base64url') ?? '')
    const spki = createPublicKey({
      format: 'jwk',
      key: { kty: 'RSA', n: modulus ?? '', e: exponent ?? '' },
    }).export({ type: 'spki', format: 'der' })
    const id = createHash('sha256').update(spki).digest()
    assert.equal(rootKeys.readPublicKey(session, label, id), undefined)
    assert.equal(rootKeys.find(session, label, id), undefined)
    const { created } = await rootKeys.create(session, label, mechanism)
    assert.equal(created, false)
    assert.deepEqual(rootKeys.readPublicKey(session, label, id), spki)
  })

  test('that may leave the token are not taken up', async () => {
    for (const template of [
      [
        { type: ck.CKA_SENSITIVE, value: true },
        { type: ck.CKA_EXTRACTABLE, value: true },
      ],
      [
        { type: ck.CKA_SENSITIVE, value: false },
        { type: ck.CKA_EXTRACTABLE, value: false },
      ],
    ]) {
      const label = newLabel()
      makePair(label, template)
      await assert.rejects(rootKeys.create(session, label, mechanism), isKeys(/may leave the token/))
    }
  })

  test('of one label twice are an error, and no third is made', async () => {
    const label = newLabel()
    makePair(label, STAYS)
    makePair(label, STAYS)
    await assert.rejects(rootKeys.create(session, label, mechanism), isKeys(/more than one key/))
    assert.equal(objects(label, ck.CKO_PRIVATE_KEY).length, 2)
  })

  test('of one label and id twice are an error wherever they are looked up', async () => {
    const label = newLabel()
    const { spki } = await rootKeys.create(session, label, mechanism)
    const id = createHash('sha256').update(spki).digest()
    makePair(label, [...STAYS, { type: ck.CKA_ID, value: id }])
    assert.throws(() => rootKeys.readPublicKey(session, label, id), isKeys(/more than one key/))
    assert.throws(() => rootKeys.find(session, label, id), isKeys(/more than one key/))
    assert.throws(() => rootKeys.destroy(session, label, id), isKeys(/more than one key/))
    assert.equal(objects(label, ck.CKO_PRIVATE_KEY).length, 2)
  })

  test('with the id of another public half are not used', () => {
    const label = newLabel()
    const id = createHash('sha256').update(label).digest()
    makePair(label, [...STAYS, { type: ck.CKA_ID, value: id }])
    assert.throws(() => rootKeys.find(session, label, id), isKeys(/the id of another public half/))
  })

  test('are destroyed with both halves, the twin of the same label stays', async () => {
    const label = newLabel()
    const { spki } = await rootKeys.create(session, label, mechanism)
    const id = createHash('sha256').update(spki).digest()
    makePair(label, [...STAYS, { type: ck.CKA_ID, value: Buffer.alloc(32, 7) }])
    rootKeys.destroy(session, label, id)
    assert.equal(rootKeys.readPublicKey(session, label, id), undefined)
    assert.equal(objects(label, ck.CKO_PRIVATE_KEY).length, 1)
    assert.equal(objects(label, ck.CKO_PUBLIC_KEY).length, 1)
    assert.notEqual(rootKeys.readPublicKey(session, label, Buffer.alloc(32, 7)), undefined)
  })

  test('need a session that is logged in', () => {
    token.confirmPresence(session)
    cryptoki.library.C_Logout(session)
    assert.throws(() => token.confirmPresence(session), /not logged in/)
  })
})
