import { isWrappingAlgorithm } from '../../../../domain/root-key.ts'
import { applyMask, REQUEST, type RequestKind } from '../channel/messages.ts'
import { type Cryptoki, loadCryptoki } from './cryptoki.ts'
import { DataKeys } from './data-keys.ts'
import { RootKeys } from './root-keys.ts'
import { Token } from './token.ts'

type Fields = readonly Buffer[]
/** The reply's fields, wiped once they are sent. */
type Reply = readonly Uint8Array[]

interface LoggedIn {
  readonly token: Token
  readonly rootKeys: RootKeys
  readonly dataKeys: DataKeys
}

let cryptoki: Cryptoki | undefined
let loggedIn: LoggedIn | undefined

const field = (fields: Fields, index: number): Buffer => {
  const found = fields[index]
  if (found === undefined) throw new RangeError('a request lacks a field')
  return found
}

const text = (fields: Fields, index: number): string => field(fields, index).toString('utf8')

const number = (fields: Fields, index: number): number => field(fields, index).readUInt32BE()

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const at = (): LoggedIn => {
  if (loggedIn === undefined) throw new Error('not logged in')
  return loggedIn
}

const masked = (bytes: Buffer, mask: Buffer): Reply => {
  applyMask(bytes, mask)
  return [bytes]
}

const load = (fields: Fields): Reply => {
  cryptoki = loadCryptoki(text(fields, 0))
  return []
}

const login = (fields: Fields): Reply => {
  if (cryptoki === undefined) throw new Error('no library is loaded')
  const token = Token.open(cryptoki, { label: text(fields, 0), slot: text(fields, 1) }, text(fields, 2))
  const rootKeys = new RootKeys(token)
  loggedIn = { token, rootKeys, dataKeys: new DataKeys(token, rootKeys) }
  return []
}

const createRootKey = async (fields: Fields): Promise<Reply> => {
  const { token, rootKeys } = at()
  const session = token.session(number(fields, 0))
  const { ck } = token.cryptoki
  const mechanism = text(fields, 2) === 'rsa-pkcs1-v15' ? ck.CKM_RSA_PKCS : ck.CKM_RSA_PKCS_OAEP
  const { created, spki } = await rootKeys.create(session, text(fields, 1), mechanism)
  return [Buffer.from([created ? 1 : 0]), spki]
}

const readPublicKey = (fields: Fields): Reply => {
  const { token, rootKeys } = at()
  const session = token.session(number(fields, 0))
  const spki = rootKeys.readPublicKey(session, text(fields, 1), field(fields, 2))
  if (spki !== undefined) return [spki]
  token.confirmPresence(session)
  return []
}

const checkOrigin = (fields: Fields): Reply => {
  const { token, rootKeys } = at()
  const flaw = rootKeys.originFlaw(token.session(number(fields, 0)), text(fields, 1), field(fields, 2))
  return flaw === undefined ? [] : [Buffer.from(flaw, 'utf8')]
}

const destroyRootKey = (fields: Fields): Reply => {
  const { token, rootKeys } = at()
  rootKeys.destroy(token.session(number(fields, 0)), text(fields, 1), field(fields, 2))
  return []
}

const makeDataKey = (fields: Fields): Reply => {
  const { token, dataKeys } = at()
  return masked(dataKeys.make(token.session(number(fields, 0))), field(fields, 1))
}

const unwrapping = (fields: Fields) => {
  const algorithm = text(fields, 3)
  if (!isWrappingAlgorithm(algorithm)) throw new RangeError('an unknown wrapping algorithm')
  const rootKey = { label: text(fields, 1), id: field(fields, 2) }
  return [at().token.session(number(fields, 0)), rootKey, algorithm] as const
}

const unwrap = async (fields: Fields): Promise<Reply> => {
  const opened = await at().dataKeys.unwrap(...unwrapping(fields), field(fields, 4))
  return opened === undefined ? [] : masked(opened, field(fields, 5))
}

const prove = async (fields: Fields): Promise<Reply> => {
  await at().dataKeys.prove(...unwrapping(fields))
  return []
}

const HANDLERS: Readonly<Record<RequestKind, (fields: Fields) => Reply | Promise<Reply>>> = {
  [REQUEST.load]: load,
  [REQUEST.login]: login,
  [REQUEST.openSession]: () => [u32(at().token.openSession())],
  [REQUEST.closeSession]: (fields) => {
    at().token.closeSession(number(fields, 0))
    return []
  },
  [REQUEST.createRootKey]: createRootKey,
  [REQUEST.readPublicKey]: readPublicKey,
  [REQUEST.checkOrigin]: checkOrigin,
  [REQUEST.destroyRootKey]: destroyRootKey,
  [REQUEST.makeDataKey]: makeDataKey,
  [REQUEST.unwrap]: unwrap,
  [REQUEST.prove]: prove,
}

/** @throws as the token does, or Refused */
export const answer = async (kind: number, fields: Fields): Promise<Reply> => {
  const handler = HANDLERS[kind as RequestKind]
  if (handler === undefined) throw new RangeError('an unknown request')
  return await handler(fields)
}
