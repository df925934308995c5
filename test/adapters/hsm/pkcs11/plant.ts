import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  type Attributes,
  type Cryptoki,
  type Handle,
  loadCryptoki,
  readAttributes,
} from '../../../../src/adapters/hsm/pkcs11/child/cryptoki.ts'
import { Token } from '../../../../src/adapters/hsm/pkcs11/child/token.ts'
import { publicKeySha256 } from '../../../../src/domain/wrapping.ts'
import type { SoftHsmToken } from '../../../support/softhsm.ts'

export interface Bench {
  readonly cryptoki: Cryptoki
  readonly session: Handle
  readonly token: Token
}

export interface Planted {
  readonly publicKey: KeyObject
  /** SHA-256 of the public half, which is its CKA_ID. */
  readonly id: Buffer
}

/** The library, in this process, logged in. Once: it is initialized once a process. */
export const openBench = (softHsm: SoftHsmToken): Bench => {
  process.env.SOFTHSM2_CONF = softHsm.environment.SOFTHSM2_CONF
  const cryptoki = loadCryptoki(softHsm.library)
  const token = Token.open(cryptoki, { label: softHsm.label, slot: '' }, softHsm.pin)
  return { cryptoki, token, session: token.session(token.openSession()) }
}

/** As a root key is made, but for what a test changes. */
const templateOf = ({ ck }: Cryptoki, label: string, changes: Attributes): Attributes => {
  const usual: Attributes = [
    { type: ck.CKA_TOKEN, value: true },
    { type: ck.CKA_PRIVATE, value: true },
    { type: ck.CKA_LABEL, value: label },
    { type: ck.CKA_SENSITIVE, value: true },
    { type: ck.CKA_EXTRACTABLE, value: false },
    { type: ck.CKA_DECRYPT, value: true },
    { type: ck.CKA_SIGN, value: false },
    { type: ck.CKA_SIGN_RECOVER, value: false },
    { type: ck.CKA_UNWRAP, value: false },
  ]
  return [...usual.filter(({ type }) => changes.every((change) => change.type !== type)), ...changes]
}

/** A pair of the token's own making, under a root key's name. */
export const plantGenerated = (
  { cryptoki, session }: Bench,
  label: string,
  changes: Attributes = [],
): Planted => {
  const { ck, library } = cryptoki
  const { privateKey } = library.C_GenerateKeyPair(
    session,
    { mechanism: ck.CKM_RSA_PKCS_KEY_PAIR_GEN },
    [
      { type: ck.CKA_TOKEN, value: true },
      { type: ck.CKA_LABEL, value: label },
      { type: ck.CKA_MODULUS_BITS, value: 2048 },
    ],
    [...templateOf(cryptoki, label, changes)],
  )
  const [n, e] = readAttributes(cryptoki, session, privateKey, [ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT])
  const jwk = { kty: 'RSA', n: n?.toString('base64url') ?? '', e: e?.toString('base64url') ?? '' }
  const publicKey = createPublicKey({ format: 'jwk', key: jwk })
  const id = Buffer.from(publicKeySha256(publicKey), 'hex')
  library.C_SetAttributeValue(session, privateKey, [{ type: ck.CKA_ID, value: id }])
  return { publicKey, id }
}

/** A pair that was made elsewhere, whose private half somebody may still have. */
export const plantImported = (
  { cryptoki, session }: Bench,
  label: string,
  changes: Attributes = [],
): Planted => {
  const { ck, library } = cryptoki
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const id = Buffer.from(publicKeySha256(publicKey), 'hex')
  const jwk = privateKey.export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'): Buffer =>
    Buffer.from(jwk[name] ?? '', 'base64url')
  library.C_CreateObject(session, [
    ...templateOf(cryptoki, label, changes),
    { type: ck.CKA_CLASS, value: ck.CKO_PRIVATE_KEY },
    { type: ck.CKA_KEY_TYPE, value: ck.CKK_RSA },
    { type: ck.CKA_ID, value: id },
    { type: ck.CKA_MODULUS, value: part('n') },
    { type: ck.CKA_PUBLIC_EXPONENT, value: part('e') },
    { type: ck.CKA_PRIVATE_EXPONENT, value: part('d') },
    { type: ck.CKA_PRIME_1, value: part('p') },
    { type: ck.CKA_PRIME_2, value: part('q') },
    { type: ck.CKA_EXPONENT_1, value: part('dp') },
    { type: ck.CKA_EXPONENT_2, value: part('dq') },
    { type: ck.CKA_COEFFICIENT, value: part('qi') },
  ])
  return { publicKey, id }
}
