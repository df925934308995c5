import type { KeyDescription } from './private-key.ts'

const LABEL = 'cofre/context/v1'

const lengthPrefixed = (text: string): Buffer => {
  const bytes = Buffer.from(text, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/**
 * The canonical bytes that a private key's envelope and its row token are bound to: the label, then the name
 * and value of each entry, every one prefixed by its length (u32 big-endian), names sorted by UTF-8 bytes.
 * The root key is not in it (the token binds that), so that a rewrap never touches an envelope.
 */
export const encryptionContext = ({ pub, source, coin, type }: KeyDescription): Buffer => {
  const entries = Object.entries({ pub, source, coin, type }).sort(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  return Buffer.concat([LABEL, ...entries.flat()].map(lengthPrefixed))
}
