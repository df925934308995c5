/**
 * Codes of error replies, without the error bit. The numbers are the SDK's; which situation gives which code is
 * not documented, so as little as possible is read into them.
 */
export const ERROR_CODE = {
  /** ERR_ACCESS_DENIED */
  accessDenied: 5002,
  /** ERR_CANNOT_OPEN_OBJ */
  noSuchObject: 5004,
  /** ERR_OBJ_ALREADY_EXISTS */
  objectExists: 5022,
} as const

/**
 * What no block can be the reason of: the device's or the session's own faults. In reply to an unwrapping every
 * other code is an answer, because the block is a caller's and must not bring a session down.
 */
const OWN_FAULTS: ReadonlySet<number> = new Set([
  5001, // ERR_NET_FAIL
  ERROR_CODE.accessDenied, // the login, or a right, is gone
  5006, // ERR_CANT_ALLOC_R
  5019, // ERR_NOT_IMPLEMENTED
  5020, // ERR_USR_NOT_FOUND
  5023, // ERR_INVALID_OBJ_NAME
])

export const isOwnFault = (code: number): boolean => OWN_FAULTS.has(code)

/** The device took its time to say no: asked again and again, it may lock the user out. */
const LOGIN_REFUSALS: ReadonlySet<number> = new Set([
  ERROR_CODE.accessDenied,
  5020, // ERR_USR_NOT_FOUND
  5109, // ERR_INVALID_SECRET
])

export const isLoginRefusal = (code: number): boolean => LOGIN_REFUSALS.has(code)
