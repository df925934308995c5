import { SecretBytes } from '../../domain/secret-bytes.ts'

const BACKSLASH = 0x5c
const QUOTE = 0x22
const HEX = Buffer.from('0123456789abcdef')
const SHORT_ESCAPES: ReadonlyMap<number, number> = new Map(
  ['""', '\\\\', '\bb', '\ff', '\nn', '\rr', '\tt'].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]),
)

/** How many bytes each byte of UTF-8 needs in a JSON string. */
const WIDTH = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (SHORT_ESCAPES.has(byte)) return 2
  return byte < 0x20 ? 6 : 1
})

const textLength = (text: Uint8Array): number => {
  const { length } = text
  let width = 2
  for (let at = 0; at < length; at += 1) width += WIDTH[text[at] as number] as number
  return width
}

/** @returns the index behind what was written */
const writeEscape = (byte: number, out: Buffer, from: number): number => {
  out[from] = BACKSLASH
  const short = SHORT_ESCAPES.get(byte)
  if (short !== undefined) {
    out[from + 1] = short
    return from + 2
  }
  const to = from + 1 + out.write('u00', from + 1, 'latin1')
  out[to] = HEX[byte >> 4] as number
  out[to + 1] = HEX[byte & 15] as number
  return to + 2
}

/** @returns the index behind the closing quote */
const writeText = (text: Uint8Array, out: Buffer, from: number): number => {
  const { length } = text
  let to = from
  out[to++] = QUOTE
  let plain = 0
  for (let at = 0; at < length; at += 1) {
    const byte = text[at] as number
    if (WIDTH[byte] === 1) continue
    out.set(text.subarray(plain, at), to)
    to = writeEscape(byte, out, to + at - plain)
    plain = at + 1
  }
  out.set(text.subarray(plain), to)
  to += length - plain
  out[to++] = QUOTE
  return to
}

/**
 * A JSON object with secret members, which go from bytes to bytes. The caller disposes of it, and of what it
 * gave.
 *
 * @param members in the order in which they are written; secrets are valid UTF-8
 */
export const jsonObject = (members: Readonly<Record<string, string | SecretBytes>>): SecretBytes => {
  const parts = Object.entries(members).map(([name, value], index) => {
    const head = `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`
    return typeof value === 'string'
      ? { plain: Buffer.from(head + JSON.stringify(value)) }
      : { plain: Buffer.from(head), secret: value }
  })
  const length = parts.reduce(
    (sum, { plain, secret }) => sum + plain.length + (secret === undefined ? 0 : textLength(secret.bytes)),
    1,
  )
  return SecretBytes.fill(length, (out) => {
    let at = 0
    for (const { plain, secret } of parts) {
      at += plain.copy(out, at)
      if (secret !== undefined) at = writeText(secret.bytes, out, at)
    }
    out.write('}', at, 'latin1')
  })
}
