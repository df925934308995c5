import { DeviceError, ERROR_CODE } from './device-error.ts'
import { NAME_FIELD_BYTES } from './protocol.ts'

/** Printable ASCII but for the space and the slash. */
const NAME = /^(?:([!-.0-~]{1,16})\/)?([!-.0-~]{1,32})$/

/**
 * Reads `object` or `user/object` from its 50-byte field; both name the same object if the user is the one
 * who is logged in. What follows the NUL is not looked at.
 *
 * @returns the object's part
 * @throws DeviceError `invalidName`, or `accessDenied` for another user's object
 */
export const readObjectName = (payload: Buffer, offset: number, user: string): string => {
  const field = payload.subarray(offset, offset + NAME_FIELD_BYTES)
  const end = field.indexOf(0)
  const [, owner = user, object] = (end < 0 ? null : NAME.exec(field.toString('latin1', 0, end))) ?? []
  if (object === undefined) throw new DeviceError(ERROR_CODE.invalidName)
  if (owner !== user) throw new DeviceError(ERROR_CODE.accessDenied)
  return object
}
