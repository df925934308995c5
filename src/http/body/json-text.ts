import { SecretBytes } from '../../domain/secret-bytes.ts'

const BACKSLASH = 0x5c
const U = 0x75

/** What the letter of a two-character escape stands for; 0 where it begins none. */
const SHORT_ESCAPES = new Uint8Array(256)
for (const pair of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  SHORT_ESCAPES[pair.charCodeAt(0)] = pair.charCodeAt(1)
}

const hexDigit = (byte: number): number => (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57)

const codeUnit = (text: Uint8Array, at: number): number => {
  let unit = 0
  for (let digit = at; digit < at + 4; digit += 1) unit = unit * 16 + hexDigit(text[digit] as number)
  return unit
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000

/** @returns the index behind the character; without `out` nothing is written */
const writeUtf8 = (point: number, out: Uint8Array | undefined, to: number): number => {
  const more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3
  if (out !== undefined) {
    const lead = more === 0 ? 0 : (0xf00 >> (more + 1)) & 0xff
    out[to] = lead | (point >> (6 * more))
    for (let n = 1; n <= more; n += 1) out[to + n] = 0x80 | ((point >> (6 * (more - n))) & 0x3f)
  }
  return to + more + 1
}

/**
 * Decodes into `out`, or counts where there is none.
 *
 * @param text a JSON string between its quotes: well-formed, and valid UTF-8
 * @returns the number of bytes; undefined where it holds half of a surrogate pair, which has no UTF-8
 */
const decode = (text: Uint8Array, out?: Uint8Array): number | undefined => {
  const { length } = text
  let to = 0
  let at = 0
  while (at < length) {
    const byte = text[at] as number
    at += 1
    if (byte !== BACKSLASH) {
      if (out !== undefined) out[to] = byte
      to += 1
      continue
    }
    const kind = text[at] as number
    at += 1
    if (kind !== U) {
      if (out !== undefined) out[to] = SHORT_ESCAPES[kind] as number
      to += 1
      continue
    }
    let point = codeUnit(text, at)
    at += 4
    if (isLowSurrogate(point)) return undefined
    if (isHighSurrogate(point)) {
      const low = text[at] === BACKSLASH && text[at + 1] === U ? codeUnit(text, at + 2) : 0
      if (!isLowSurrogate(low)) return undefined
      at += 6
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
    }
    to = writeUtf8(point, out, to)
  }
  return to
}

/**
 * The UTF-8 of a JSON string, never as a JavaScript string. The caller disposes.
 *
 * @param text between its quotes: well-formed, and valid UTF-8
 * @returns undefined where it holds half of a surrogate pair, which has no UTF-8
 */
export const decodeJsonText = (text: Uint8Array): SecretBytes | undefined => {
  if (!text.includes(BACKSLASH)) return SecretBytes.copyOf(text)
  const length = decode(text)
  if (length === undefined) return undefined
  return SecretBytes.fill(length, (bytes) => decode(text, bytes))
}
