/** The token makes no AES key whose value may be read. */
export const NOT_READABLE = new Set([
  'CKR_ATTRIBUTE_READ_ONLY',
  'CKR_ATTRIBUTE_SENSITIVE',
  'CKR_ATTRIBUTE_TYPE_INVALID',
  'CKR_ATTRIBUTE_VALUE_INVALID',
  'CKR_FUNCTION_NOT_SUPPORTED',
  'CKR_KEY_UNEXTRACTABLE',
  'CKR_MECHANISM_INVALID',
  'CKR_TEMPLATE_INCOMPLETE',
  'CKR_TEMPLATE_INCONSISTENT',
])

/** A cached handle that is good no more. */
export const STALE = new Set(['CKR_KEY_HANDLE_INVALID', 'CKR_OBJECT_HANDLE_INVALID'])

/** The token, or this key, does not do the padding. SoftHSM says CKR_ARGUMENTS_BAD. */
export const NO_SUCH_PADDING = new Set([
  'CKR_ARGUMENTS_BAD',
  'CKR_FUNCTION_NOT_SUPPORTED',
  'CKR_KEY_FUNCTION_NOT_PERMITTED',
  'CKR_MECHANISM_INVALID',
  'CKR_MECHANISM_PARAM_INVALID',
])

/** The block does not open: it says so itself. */
export const REFUSES_BLOCK = new Set([
  ...NO_SUCH_PADDING,
  'CKR_DATA_INVALID',
  'CKR_DATA_LEN_RANGE',
  'CKR_ENCRYPTED_DATA_INVALID',
  'CKR_ENCRYPTED_DATA_LEN_RANGE',
])

/**
 * Those, and two that may mean anything: SoftHSM's word for a bad block, and a network HSM's library's for an HSM
 * that is away. They count only on a session that has just shown that it opens a good block.
 */
export const MAY_REFUSE_BLOCK = new Set([...REFUSES_BLOCK, 'CKR_FUNCTION_FAILED', 'CKR_GENERAL_ERROR'])
