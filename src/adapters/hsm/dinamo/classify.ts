import type { Classify } from '../sessions/session.ts'
import { SessionError } from './session/session-error.ts'

/**
 * ERR_CANT_ALLOC_R: the device has no room, at a login for one more session, later for one more temporary key
 * of this session. Neither means that the device is not well.
 */
const NO_RESOURCES = 5_006

/** What the errors of a Dinamo session mean. Refused blocks are no errors, but answers of another kind. */
export const classifyDinamo: Classify = (error, when) => {
  if (!(error instanceof SessionError)) return 'defect'
  if (error.kind === 'login-refused') return 'login-refused'
  if (error.kind === 'device' && error.code === NO_RESOURCES) return when === 'opening' ? 'no-room' : 'spent'
  return 'session'
}
