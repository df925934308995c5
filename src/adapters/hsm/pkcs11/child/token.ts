import { type Cryptoki, call, type Handle } from './cryptoki.ts'
import { codeOf, isOneOf, Refused } from './refusal.ts'

export interface TokenChoice {
  /** Empty: by slot. */
  readonly label: string
  /** A number in decimal digits. Empty: by label. */
  readonly slot: string
}

/** CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS. */
const LOGGED_IN: ReadonlySet<number> = new Set([1, 3])

const NO_ROOM = new Set(['CKR_SESSION_COUNT', 'CKR_DEVICE_MEMORY', 'CKR_HOST_MEMORY'])

const numberOf = (handle: Handle): bigint =>
  handle.length === 8 ? handle.readBigUInt64LE() : BigInt(handle.readUInt32LE())

const labelOf = (padded: string): string => padded.replace(/[\0 ]+$/, '')

const findSlot = ({ library }: Cryptoki, { label, slot }: TokenChoice): Handle => {
  const present = call('C_GetSlotList', () => library.C_GetSlotList(true))
  const matches = present.filter((candidate) =>
    slot === ''
      ? labelOf(call('C_GetTokenInfo', () => library.C_GetTokenInfo(candidate)).label) === label
      : numberOf(candidate) === BigInt(slot),
  )
  const [found] = matches
  const wanted = slot === '' ? `with the label ${label}` : `in slot ${slot}`
  if (found === undefined) throw new Refused('fault', `there is no token ${wanted}`)
  if (matches.length > 1) throw new Refused('fault', `there are ${matches.length} tokens ${wanted}`)
  return found
}

/** A token that one is logged in at, and its sessions. */
export class Token {
  readonly cryptoki: Cryptoki
  readonly #slot: Handle
  readonly #sessions = new Map<number, Handle>()
  #lastNumber = 0

  private constructor(cryptoki: Cryptoki, slot: Handle) {
    this.cryptoki = cryptoki
    this.#slot = slot
  }

  /**
   * Logs in once, for all sessions of this process.
   *
   * @throws Refused `pin` if the token refuses the PIN; where the next wrong one would lock it, it isn't asked
   */
  static open(cryptoki: Cryptoki, choice: TokenChoice, pin: string): Token {
    const { ck, library } = cryptoki
    call('C_Initialize', () => library.C_Initialize({ flags: ck.CKF_OS_LOCKING_OK }))
    const token = new Token(cryptoki, findSlot(cryptoki, choice))
    const { flags } = token.#info()
    if ((flags & ck.CKF_USER_PIN_LOCKED) !== 0) throw new Refused('pin', 'the PIN is locked')
    if ((flags & ck.CKF_USER_PIN_FINAL_TRY) !== 0) {
      throw new Refused(
        'pin',
        'one more wrong PIN would lock the token: log in once by other means, with the right one',
      )
    }
    // Never closed: a token logs out with the last session.
    token.#login(token.#open(), pin)
    return token
  }

  openSession(): number {
    const session = this.#open()
    this.#sessions.set(++this.#lastNumber, session)
    return this.#lastNumber
  }

  closeSession(number: number): void {
    const session = this.session(number)
    this.#sessions.delete(number)
    call('C_CloseSession', () => this.cryptoki.library.C_CloseSession(session))
  }

  session(number: number): Handle {
    const session = this.#sessions.get(number)
    if (session === undefined) throw new Error(`there is no session ${number}`)
    return session
  }

  /**
   * Some errors may mean anything, and a token that was pulled out may find nothing without any error: such an
   * answer is believed only while the token is there and the session is logged in.
   *
   * @throws the token's error, or Refused
   */
  confirmPresence(session: Handle): void {
    const { library } = this.cryptoki
    const { state } = call('C_GetSessionInfo', () => library.C_GetSessionInfo(session))
    if (!LOGGED_IN.has(state)) {
      throw new Refused('fault', 'the session is not logged in any more')
    }
    this.#info()
  }

  #info() {
    return call('C_GetTokenInfo', () => this.cryptoki.library.C_GetTokenInfo(this.#slot))
  }

  #open(): Handle {
    const { ck, library } = this.cryptoki
    const flags = ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION
    try {
      return call('C_OpenSession', () => library.C_OpenSession(this.#slot, flags))
    } catch (error) {
      throw isOneOf(error, NO_ROOM) ? new Refused('room', codeOf(error), error) : error
    }
  }

  #login(session: Handle, pin: string): void {
    const { ck, library } = this.cryptoki
    try {
      call('C_Login', () => library.C_Login(session, ck.CKU_USER, pin))
    } catch (error) {
      const code = codeOf(error)
      if (code === 'CKR_USER_ALREADY_LOGGED_IN') return
      const aboutPin = code.startsWith('CKR_PIN_') || code === 'CKR_USER_PIN_NOT_INITIALIZED'
      throw aboutPin ? new Refused('pin', code, error) : error
    }
  }
}
