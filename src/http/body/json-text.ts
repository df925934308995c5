import { SecretBytes } from '../../domain/secret-bytes.ts'

const BACKSLASH = 0x5c
const U = 0x75
const SHORT_ESCAPES: ReadonlyMap<number, number> = new Map(
  ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'].map((pair) => [
    pair.charCodeAt(0),
    pair.charCodeAt(1),
  ]),
)

const hexDigit = (byte: number): number => (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57)

const codeUnit = (text: Uint8Array, at: number): number =>
  text.subarray(at, at + 4).reduce((value, byte) => value * 16 + hexDigit(byte), 0)

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000

/**
 * Calls `emit` with every byte of the text's UTF-8, in order.
 *
 * @param text a JSON string between its quotes: well-formed, and valid UTF-8
 * @returns false where it holds half of a surrogate pair, which has no UTF-8
 */
const decode = (text: Uint8Array, emit: (byte: number) => void): boolean => {
  let at = 0
  while (at < text.length) {
    const byte = text[at] as number
    at += 1
    if (byte !== BACKSLASH) {
      emit(byte)
      continue
    }
    const kind = text[at] as number
    at += 1
    const short = SHORT_ESCAPES.get(kind)
    if (short !== undefined) {
      emit(short)
      continue
    }
    let point = codeUnit(text, at)
    at += 4
    if (isLowSurrogate(point)) return false
    if (isHighSurrogate(point)) {
      const low = text[at] === BACKSLASH && text[at + 1] === U ? codeUnit(text, at + 2) : 0
      if (!isLowSurrogate(low)) return false
      at += 6
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
    }
    emitUtf8(point, emit)
  }
  return true
}

const emitUtf8 = (point: number, emit: (byte: number) => void): void => {
  if (point < 0x80) {
    emit(point)
  } else if (point < 0x800) {
    emit(0xc0 | (point >> 6))
    emit(0x80 | (point & 0x3f))
  } else if (point < 0x10000) {
    emit(0xe0 | (point >> 12))
    emit(0x80 | ((point >> 6) & 0x3f))
    emit(0x80 | (point & 0x3f))
  } else {
    emit(0xf0 | (point >> 18))
    emit(0x80 | ((point >> 12) & 0x3f))
    emit(0x80 | ((point >> 6) & 0x3f))
    emit(0x80 | (point & 0x3f))
  }
}

/**
 * The UTF-8 of a JSON string, never as a JavaScript string. The caller disposes.
 *
 * @param text between its quotes: well-formed, and valid UTF-8
 * @returns undefined where it holds half of a surrogate pair, which has no UTF-8
 */
export const decodeJsonText = (text: Uint8Array): SecretBytes | undefined => {
  if (!text.includes(BACKSLASH)) return SecretBytes.copyOf(text)
  let length = 0
  const isText = decode(text, () => {
    length += 1
  })
  if (!isText) return undefined
  return SecretBytes.fill(length, (bytes) => {
    let at = 0
    decode(text, (byte) => {
      bytes[at] = byte
      at += 1
    })
  })
}
