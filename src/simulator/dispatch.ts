import { DeviceError, ERROR_CODE } from './device-error.ts'
import type { Request } from './frames.ts'
import { readObjectName } from './object-name.ts'
import { type DevicePolicy, OPERATION_BY_ID } from './operations.ts'
import type { OperationName } from './protocol.ts'
import type { Session } from './session.ts'

export const operationOf = ({ id }: Request): OperationName =>
  OPERATION_BY_ID.get(id)?.operation ?? 'unsupported'

/** The name of the key that a request is about; `undefined` where there is none, or not a valid one. */
export const keyIn = ({ id, payload }: Request, session: Session | undefined): string | undefined => {
  const known = OPERATION_BY_ID.get(id)
  if (known === undefined || session === undefined) return undefined
  try {
    return readObjectName(payload, known.nameAt, session.user)
  } catch {
    return undefined
  }
}

/**
 * @returns the reply, ready to send
 * @throws DeviceError, at once or by rejection, which becomes an error reply
 */
export const carryOut = (
  { id, flag, payload, isLogin }: Request,
  session: Session | undefined,
  policy: DevicePolicy,
): Buffer | Promise<Buffer> => {
  if (session === undefined) throw new DeviceError(ERROR_CODE.accessDenied)
  if (isLogin) throw new DeviceError(ERROR_CODE.invalidOperation)
  const known = OPERATION_BY_ID.get(id)
  if (known === undefined) throw new DeviceError(ERROR_CODE.notImplemented)
  if (payload.length !== known.payloadBytes) throw new DeviceError(ERROR_CODE.invalidPayload)
  const name = readObjectName(payload, known.nameAt, session.user)
  return known.run({ policy, session, name, payload, flag })
}
