import type { DinamoCredentials } from './dinamo-session.ts'

const NAME = /^[A-Za-z0-9_.-]{1,32}$/
const CREDENTIAL = /^[ -~]{1,16}$/
const BLOCK_BYTES = 256

/** @throws TypeError */
export const checkName = (name: string): void => {
  if (!NAME.test(name)) throw new TypeError('an object name must be 1 to 32 characters of A-Z a-z 0-9 _ . -')
}

/** @throws TypeError. A shorter block would be filled up with zeros. */
export const checkBlock = (block: Uint8Array): void => {
  if (block.length !== BLOCK_BYTES) throw new TypeError(`a wrapped key must be ${BLOCK_BYTES} bytes`)
}

const isPrintable = (bytes: Uint8Array): boolean =>
  bytes.length >= 1 && bytes.length <= 16 && bytes.every((byte) => byte >= 0x20 && byte <= 0x7e)

/** @throws TypeError that shows nothing of them */
export const checkCredentials = ({ username, password }: DinamoCredentials): void => {
  if (!CREDENTIAL.test(username)) {
    throw new TypeError('the user name must be 1 to 16 printable ASCII characters')
  }
  if (!isPrintable(password.bytes)) {
    throw new TypeError('the password must be 1 to 16 printable ASCII characters')
  }
}
