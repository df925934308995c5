const lengthPrefixed = (part: string | Uint8Array): Buffer => {
  const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/**
 * The one form of something that is bound or authenticated: the label, then the name and value of each entry, every
 * one prefixed by its length in bytes (u32 big-endian), names sorted by UTF-8 bytes.
 */
export const canonicalBytes = (label: string, entries: Readonly<Record<string, string>>): Buffer => {
  const sorted = Object.entries(entries).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return Buffer.concat([label, ...sorted.flat()].map(lengthPrefixed))
}
