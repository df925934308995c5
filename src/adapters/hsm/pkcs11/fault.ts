import { KmsError } from '../../../domain/errors.ts'
import type { Classify, FaultKind } from '../sessions/session.ts'
import type { Refusal } from './channel/messages.ts'

export interface FaultOptions {
  readonly kind: FaultKind
  readonly refusal?: Refusal
  /** The module's process ended while this call was under way, perhaps because of it. */
  readonly mayBeCulprit?: boolean
}

/** What went wrong at the token or on the way to it; names of functions and codes alone. */
export class Pkcs11Fault extends Error {
  readonly kind: FaultKind
  readonly refusal: Refusal | undefined
  readonly mayBeCulprit: boolean

  constructor(message: string, { kind, refusal, mayBeCulprit = false }: FaultOptions) {
    super(message)
    this.name = 'Pkcs11Fault'
    this.kind = kind
    this.refusal = refusal
    this.mayBeCulprit = mayBeCulprit
  }
}

const KIND_OF: Readonly<Record<Refusal, FaultKind>> = {
  package: 'session',
  library: 'session',
  pin: 'login-refused',
  room: 'no-room',
  keys: 'answer',
  fault: 'session',
}

export const refusedFault = (refusal: Refusal, message: string): Pkcs11Fault =>
  new Pkcs11Fault(message, { kind: KIND_OF[refusal], refusal })

export const classifyPkcs11: Classify = (error) => {
  const fault = KmsError.is(error) ? (error.cause ?? error) : error
  if (fault instanceof Pkcs11Fault) return fault.kind
  return KmsError.is(error) ? 'answer' : 'defect'
}
