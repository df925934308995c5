import { createHash } from 'node:crypto'
import { DeviceError, ERROR_CODE } from './device-error.ts'
import { LOGIN } from './protocol.ts'

export interface SimulatorUser {
  /** 1 to 16 printable ASCII characters but for the space and the slash. */
  readonly username: string
  /** 1 to 16 printable ASCII characters. */
  readonly password: string
}

const USERNAME = /^[!-.0-~]{1,16}$/
const PASSWORD = /^[ -~]{1,16}$/
const PASSWORD_FIELD_BYTES = 16

const md5 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const hashPassword = (password: string): Buffer => {
  const field = Buffer.from(new ArrayBuffer(PASSWORD_FIELD_BYTES))
  try {
    field.write(password, 'latin1')
    return md5(field)
  } finally {
    field.fill(0)
  }
}

/** Who may log in. Of the passwords only the MD5 is kept: the protocol's proof needs no more. */
export class Credentials {
  readonly #hashes = new Map<string, Buffer>()

  /** @throws Error naming the rule that a user breaks */
  constructor(users: readonly SimulatorUser[]) {
    if (users.length === 0) throw new Error('the simulator needs at least one user')
    for (const { username, password } of users) {
      if (!USERNAME.test(username)) throw new Error('a user name must be 1 to 16 printable ASCII characters')
      if (!PASSWORD.test(password)) throw new Error('a password must be 1 to 16 printable ASCII characters')
      if (this.#hashes.has(username)) throw new Error(`user ${username} is given twice`)
      this.#hashes.set(username, hashPassword(password))
    }
  }

  /**
   * Checks what the client answers to a challenge: MD5(MD5(password field) ‖ challenge), then its user name in
   * 16 zero-padded bytes. Takes no care of timing: it guards nothing but development keys on loopback.
   *
   * @returns the user's name
   * @throws DeviceError `noSuchUser` or `accessDenied`
   */
  verify(challenge: Buffer, answer: Buffer): string {
    const proof = answer.subarray(0, LOGIN.proofBytes)
    const field = answer.subarray(LOGIN.proofBytes)
    const end = field.indexOf(0)
    const username = field.toString('latin1', 0, end < 0 ? field.length : end)
    const hash = this.#hashes.get(username)
    if (hash === undefined) throw new DeviceError(ERROR_CODE.noSuchUser)
    if (!md5(hash, challenge).equals(proof)) throw new DeviceError(ERROR_CODE.accessDenied)
    return username
  }
}
