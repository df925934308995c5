import type { DinamoPrivateHalf, DinamoSession } from './session/dinamo-session.ts'

const flawOf = (answer: DinamoPrivateHalf): string | undefined => {
  if (answer.kind === 'leaves') return 'it can be exported, and DINAMO_ROOT_KEY_EXPORTABLE is not set'
  if (answer.kind === 'no-such-object') return 'the HSM does not have it'
  if (answer.kind === 'unclear') {
    return `whether it can be exported is not known, the HSM answers with error ${answer.code}`
  }
  return undefined
}

/**
 * A key that was imported as not exportable can't be told from one that the device made: no call of the SDK says
 * where an object came from. What is left against it is the public half on record.
 *
 * @returns why this device's root key is not as it is made; undefined if nothing speaks against it
 */
export const originFlawOn = async (session: DinamoSession, id: string): Promise<string | undefined> =>
  flawOf(await session.tryPrivateKey(id))
