import { createPublicKey, generateKeyPair, type KeyObject, randomFillSync } from 'node:crypto'
import { promisify } from 'node:util'
import { SecretBytes } from '../domain/secret-bytes.ts'
import { DeviceError, ERROR_CODE } from './device-error.ts'
import { replyFrame } from './frames.ts'
import type { StoredObject } from './object-store.ts'
import {
  ALGORITHM,
  ATTRIBUTE,
  BLOCK_BYTES,
  NAME_FIELD_BYTES,
  type OperationName,
  REQUEST,
} from './protocol.ts'
import type { Session } from './session.ts'
import { type Padding, unenvelop } from './unenvelop.ts'

/** How this device behaves where devices may differ. */
export interface DevicePolicy {
  readonly padding: Padding
  /** The code for a block that does not open. */
  readonly badBlockError: number
  readonly exportPublicHalfOnlyIfExportable: boolean
}

export interface Call {
  readonly policy: DevicePolicy
  readonly session: Session
  /** The object's name, without its user. */
  readonly name: string
  readonly payload: Buffer
  readonly flag: boolean
}

export interface Operation {
  readonly operation: OperationName
  readonly payloadBytes: number
  /** Where the name's field begins in the payload. */
  readonly nameAt: number
  /**
   * The reply, ready to send. Synchronous where it can be: a promise costs more than the work.
   *
   * @throws DeviceError
   */
  run(call: Call): Buffer | Promise<Buffer>
}

const AES_BYTES = new Map<number, number>([
  [ALGORITHM.aes128, 16],
  [ALGORITHM.aes256, 32],
])

const generatePair = promisify(generateKeyPair)

const makeRsa = async (exportable: boolean): Promise<StoredObject> => {
  const { privateKey } = await generatePair('rsa', {
    modulusLength: BLOCK_BYTES * 8,
    publicExponent: 0x10001,
  })
  return { kind: 'rsa', exportable, privateKey }
}

const makeAes = (length: number, exportable: boolean): StoredObject => ({
  kind: 'aes',
  exportable,
  key: SecretBytes.fill(length, (bytes) => void randomFillSync(bytes)),
})

const make = (algorithm: number, exportable: boolean): StoredObject | Promise<StoredObject> => {
  const length = AES_BYTES.get(algorithm)
  if (length !== undefined) return makeAes(length, exportable)
  if (algorithm === ALGORITHM.rsa2048) return makeRsa(exportable)
  throw new DeviceError(ERROR_CODE.notImplemented)
}

const keep = (
  session: Session,
  name: string,
  object: StoredObject,
  temporary: boolean,
): Buffer | Promise<Buffer> => {
  if (!temporary) return session.addPermanent(name, object).then(() => replyFrame())
  session.addTemporary(name, object)
  return replyFrame()
}

const createKey = ({ session, name, payload }: Call): Buffer | Promise<Buffer> => {
  const algorithm = payload.readUInt32LE(0)
  const attributes = payload.readUInt32LE(4)
  if ((attributes & ~(ATTRIBUTE.exportable | ATTRIBUTE.temporary)) !== 0) {
    throw new DeviceError(ERROR_CODE.notImplemented)
  }
  const temporary = (attributes & ATTRIBUTE.temporary) !== 0
  session.checkRoom(name, temporary)
  const made = make(algorithm, (attributes & ATTRIBUTE.exportable) !== 0)
  return made instanceof Promise
    ? made.then((object) => keep(session, name, object, temporary))
    : keep(session, name, made, temporary)
}

/** Symmetric keys raw, RSA private keys as PKCS#1. */
const exportKey = ({ session, name, payload }: Call): Buffer => {
  if (payload.readUInt32LE(NAME_FIELD_BYTES) !== 0) throw new DeviceError(ERROR_CODE.notImplemented)
  const object = session.find(name)
  if (!object.exportable) throw new DeviceError(ERROR_CODE.accessDenied)
  if (object.kind === 'aes') return replyFrame(object.key.bytes)
  using der = SecretBytes.take(object.privateKey.export({ type: 'pkcs1', format: 'der' }))
  return replyFrame(der.bytes)
}

const findRsa = (session: Session, name: string): { privateKey: KeyObject; exportable: boolean } => {
  const object = session.find(name)
  if (object.kind !== 'rsa') throw new DeviceError(ERROR_CODE.invalidKey)
  return object
}

const exportPublicKey = ({ policy, session, name, flag }: Call): Buffer => {
  const { privateKey, exportable } = findRsa(session, name)
  if (policy.exportPublicHalfOnlyIfExportable && !exportable) throw new DeviceError(ERROR_CODE.accessDenied)
  return replyFrame(createPublicKey(privateKey).export({ type: flag ? 'spki' : 'pkcs1', format: 'der' }))
}

const unenvelopData = ({ policy, session, name, payload }: Call): Buffer => {
  const { privateKey } = findRsa(session, name)
  const message = unenvelop(privateKey, payload.subarray(NAME_FIELD_BYTES), policy.padding)
  if (message === undefined) throw new DeviceError(policy.badBlockError)
  using opened = SecretBytes.take(message)
  return replyFrame(opened.bytes)
}

/** Everything that the simulator carries out, by the id of its request. */
export const OPERATION_BY_ID: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [
    REQUEST.createKey,
    { operation: 'key.create', payloadBytes: 8 + NAME_FIELD_BYTES, nameAt: 8, run: createKey },
  ],
  [
    REQUEST.exportKey,
    { operation: 'key.export', payloadBytes: NAME_FIELD_BYTES + 4, nameAt: 0, run: exportKey },
  ],
  [
    REQUEST.exportPublicKey,
    { operation: 'key.exportPublic', payloadBytes: NAME_FIELD_BYTES, nameAt: 0, run: exportPublicKey },
  ],
  [
    REQUEST.unenvelop,
    {
      operation: 'dataUnenvelop',
      payloadBytes: NAME_FIELD_BYTES + BLOCK_BYTES,
      nameAt: 0,
      run: unenvelopData,
    },
  ],
])
