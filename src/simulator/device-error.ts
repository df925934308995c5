/**
 * Codes of error replies. The numbers and vendor names are the client's; which situation gives which code on
 * a device is not documented, so this is the simulator's choice.
 */
export const ERROR_CODE = {
  /** ERR_ACCESS_DENIED: wrong proof, not exportable, another user's object, not logged in. */
  accessDenied: 5002,
  /** ERR_CANNOT_OPEN_OBJ */
  noSuchObject: 5004,
  /** ERR_CANT_ALLOC_R: a limit is reached, or the state could not be stored. */
  noResources: 5006,
  /** ERR_INVALID_OP */
  invalidOperation: 5008,
  /** ERR_INVALID_KEY: the object is of another kind. */
  invalidKey: 5009,
  /** ERR_NOT_IMPLEMENTED */
  notImplemented: 5019,
  /** ERR_USR_NOT_FOUND */
  noSuchUser: 5020,
  /** ERR_INVALID_PAYLOAD */
  invalidPayload: 5021,
  /** ERR_OBJ_ALREADY_EXISTS */
  objectExists: 5022,
  /** ERR_INVALID_OBJ_NAME */
  invalidName: 5023,
} as const

/** What an operation throws to be answered with an error reply; the connection stays usable. */
export class DeviceError extends Error {
  readonly code: number

  constructor(code: number) {
    super(`error reply ${code}`)
    this.name = 'DeviceError'
    this.code = code
  }
}
